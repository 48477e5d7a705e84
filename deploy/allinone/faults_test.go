package main

import (
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/lab"
)

// When the chain is how far.
func opensCase(_ activities.IncidentRecord, world lab.State) bool { return world.Met["thehive"] > 0 }

func asksForPatch(r activities.IncidentRecord, _ lab.State) bool {
	return len(r.Remediation) > 0 && r.Remediation[0].Status == "asked"
}

// outages answer 503 for half a minute from the first call on: each system at its own step, Wazuh where it is asked and
// again where it acts, the cluster while the case is opened, the hosts between check mode and run.
func outages() []trouble {
	const long = 30 * time.Second
	var early []lab.Fault
	for _, system := range []string{"wazuh", "misp", "cortex", "thehive", "pfsense", "gvm", "slack"} {
		early = append(early, lab.Fault{System: system, Kind: lab.Outage, For: long})
	}
	early = append(early, lab.Fault{System: "wazuh", Kind: lab.Outage, Calls: "PUT /active-response", For: long})
	return []trouble{
		{nil, early},
		{opensCase, []lab.Fault{{System: "opensearch", Kind: lab.Outage, For: long}}},
		{asksForPatch, []lab.Fault{{System: "ansible", Kind: lab.Outage, For: long}}},
	}
}

// effects are the calls that change something, with a fault of that kind for each.
func effects(kind string, count int) (faults []lab.Fault) {
	for system, calls := range map[string][]string{
		"wazuh":   {"PUT /active-response"},
		"misp":    {"POST /attributes/restSearch"},
		"cortex":  {"POST /api/analyzer/"},
		"thehive": {"POST /api/v1/alert", "POST /api/v1/case", "PATCH /api/v1/case"},
		"pfsense": {"PATCH /api/v2/firewall/alias", "POST /api/v2/firewall/apply", "DELETE /api/v2/firewall/states"},
		"gvm":     {"create_target", "create_task", "start_task"},
		"slack":   {"POST /chat.postMessage", "POST /chat.update"},
		"opensearch": {
			"POST /_bulk", "PUT /sallyport-audit", "PUT /sallyport-containments", "PUT /sallyport-incidents", "PUT /sallyport-cursors",
		},
	} {
		for _, call := range calls {
			faults = append(faults, lab.Fault{System: system, Kind: kind, Calls: call, Count: count})
		}
	}
	return faults
}

// cuts carry out and answer nothing, twice for each call that changes something, and once for the playbook, which must
// not run again.
func cuts() []trouble {
	return []trouble{{nil, append(effects(lab.Cut, 2), lab.Fault{System: "ansible", Kind: lab.Cut})}}
}

// page is what a proxy answers in front of a server that restarts.
const page = "<html><body><h1>502 Bad Gateway</h1></body></html>"

// errors200 are answers with status 200 and an error inside, as the vendors have them.
var errors200 = []lab.Fault{
	{System: "wazuh", Calls: "PUT /active-response", Body: `{"data":{"affected_items":[],"total_affected_items":0,"total_failed_items":1,"failed_items":[{"error":{"code":1707,"message":"Cannot send request, agent is not active"},"id":["004"]}]},"message":"AR command was not sent to any agent","error":1}`},
	{System: "misp", Calls: "POST /attributes/restSearch", Body: `{"name":"An Internal Error Has Occurred.","message":"An Internal Error Has Occurred.","url":"/attributes/restSearch"}`},
	{System: "cortex", Calls: "POST /api/analyzer/", Body: `{"type":"InternalError","message":"worker is gone"}`},
	{System: "thehive", Calls: "POST /api/v1/alert", Body: `{"type":"InternalError","message":"index is not ready"}`},
	{System: "pfsense", Calls: "PATCH /api/v2/firewall/alias", Body: `{"code":500,"status":"internal server error","response_id":"UNEXPECTED_ERROR","message":"An unexpected error occurred","data":[]}`},
	{System: "pfsense", Calls: "POST /api/v2/firewall/apply", Body: `{"code":503,"status":"service unavailable","response_id":"MODEL_WRITE_CONFIG_LOCKED","message":"locked","data":[]}`},
	{System: "slack", Calls: "POST /chat.postMessage", Body: `{"ok":false,"error":"internal_error"}`},
	{System: "opensearch", Calls: "POST /_bulk", Body: `{"took":1,"errors":true,"items":[{"create":{"_index":"i","_id":"1","status":429,"error":{"type":"rejected_execution_exception","reason":"queue is full"}}}]}`},
	{System: "opensearch", Calls: "POST /_mget", Body: `{"docs":[]}`},
}

// wrongBodies carry out and answer a page, half of the answer, or an error under status 200.
func wrongBodies() []trouble {
	var faults []lab.Fault
	for _, f := range effects(lab.Body, 1) {
		f.Body = page
		faults = append(faults, f)
	}
	faults = append(faults, effects(lab.Half, 1)...)
	for _, f := range errors200 {
		f.Kind = lab.Body
		faults = append(faults, f)
	}
	return []trouble{{nil, append(faults, lab.Fault{System: "ansible", Kind: lab.Body})}}
}
