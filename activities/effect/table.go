package effect

import "github.com/sallyport-soar/sallyport/internal/soar"

// Row says of one effect how it is done once: what names it outside, how a later attempt recognises an earlier one,
// what counts as done, and how often it may be attempted.
type Row struct {
	Kind       string // what is done
	System     string // where
	Step       string // name of the step that does it
	Key        string // what names the effect in the outside system
	Recognised string // how an attempt recognises that an earlier one was there
	Done       string // what is read back, or answered, before it counts
	Attempts   int    // 1: an unknown outcome is never repeated; 0: until done
}

// Until is the Attempts of an effect that a later attempt recognises: it may be repeated until it is done.
const Until = 0

// Once is the Attempts of an effect whose earlier attempt can't be told from none.
const Once = 1

// Table lists every effect of the house. Workflows give a step whose row says Once exactly one attempt.
func Table() []Row {
	return append(outside(), inside()...)
}

// outside are effects on systems of other people.
func outside() []Row {
	return []Row{
		{soar.BlockAddress, "pfsense", "CarryOut", "action id in the alias entry's detail", "the entry's detail names the action", "address in the firewall's table, states killed, entry bears the action's id", Until},
		{soar.BlockAddress, "wazuh", "CarryOut", "action id in the arguments of sallyport-response", "the agent's set already holds the element of that action", "the agent's own result line with the action's id", Until},
		{"release " + soar.BlockAddress, "pfsense", "Release", "action id in the alias entry's detail", "no entry names the action any more", "address gone from the firewall's table, unless somebody else wants it", Until},
		{"release " + soar.BlockAddress, "wazuh", "Release", "action id in the arguments of sallyport-response", "the agent's set holds no element of that action", "the agent's own result line with the action's id", Until},
		{"open case", "thehive", "OpenCase", "an alert whose type, source and sourceRef name the incident: TheHive keeps that key unique", "the alert is found by its key, the case by the alert's caseId; a second case is closed as a duplicate", "the alert read back knows its case", Until},
		{"note case", "thehive", "NoteCase", "the note's key in the comment's last line", "a comment with that key is found in the case", "the comment, and each observable, is in the case", Until},
		{"close case", "thehive", "CloseCase", "the case's id", "the case is closed already", "the case's status is read back as closed", Until},
		{"analyse", "cortex", "AskSource", "observable and analyzer", "Cortex answers from its own cache of jobs", "the job's report has come", Until},
		{"scan", "gvm", "Scan", "name of the task: incident, purpose, asset, and the action that a proof is about", "a task of that name is found and followed, and started only while it is new", "the task has ended as Done, and its report names the host as alive", Until},
		{"remove old scan", "gvm", "Scan", "id of the task, and our mark in its comment", "a task that is gone is not listed", "gvmd answers that it is deleted", Until},
		{soar.Patch, "ansible", "RunPlaybook", "action id, host and attempt in the run's folder", "can't be, what a run that was cut off has changed; its folder tells that there was one, and it comes back as interrupted", "the host stands in the stats, reached, with nothing failed", Once},
		{"card", "slack", "AskPeople", "approval id in the message's metadata", "the channel's latest messages are searched for that metadata before one is posted; an update repeated is the same update", "Slack's answer names channel and time", Until},
		{"message", "slack", "TellPeople", "nothing: a message bears no mark", "can't be: better told once less than again and again", "Slack's answer says ok", Once},
	}
}

// inside are writes to our own state, in OpenSearch and Temporal.
func inside() []Row {
	return []Row{
		{"read slot", "opensearch", "ReadSlot", "detection id: hash of event key and rule id; cursor by compare-and-set", "creating a detection that exists answers 409", "ledger acknowledged, then the cursor's compare-and-set", Until},
		{"dispatch", "opensearch", "Dispatch", "cursor by compare-and-set; signals by workflow id", "the cursor says how far an earlier term came; what is signalled twice is claimed once", "signal accepted, then the cursor's compare-and-set", Until},
		{"claim", "opensearch", "ClaimDetections", "incident_id on the detection, by compare-and-set", "the detection bears this incident's id", "the documents read back with this incident's id", Until},
		{"admit", "opensearch", "Admit", "action id in the register's entry of the target", "the entry lists the action as a holder", "the entry is acknowledged", Until},
		{"forget", "opensearch", "Forget", "action id in the register's entry of the target", "the entry says that the action is over", "the entry is acknowledged", Until},
		{"reserve", "temporal", "Admit", "action id in the limits' state", "the workflow knows the action's reservation", "the update completed", Until},
		{"keep limits", "opensearch", "KeepLimits", "the register's document limits, by its revision", "the document bears this revision or a higher one", "the document is acknowledged", Until},
		{"start limits", "temporal", "StartLimits", "workflow id of the limits", "a workflow of that id runs", "the server says that it runs", Until},
		{"confirm", "opensearch", "Confirm", "action id in the register's entry of the target", "the entry says contained", "the entry is acknowledged", Until},
		{"wish", "temporal", "SendWish", "workflow id of the device, and the action's id", "the device's state knows the action", "signal accepted", Until},
		{"news", "temporal", "SignalIncident", "workflow id of the incident's key", "detections that are claimed count once", "signal accepted", Until},
		{"free", "opensearch", "FreeClaims", "incident_id taken from the detection, by compare-and-set", "the detection bears no incident's id, or another's", "the documents are acknowledged", Until},
		{"drop", "opensearch", "DropOld", "name of the ledger's month; id of the match or of the inbox's event", "the index, or the document, is not there", "the deletion is acknowledged", Until},
		{"sweep", "opensearch", "ListUnclaimed", "the one bucket's document, by compare-and-set", "a token that a lost attempt took is not given back: fewer incidents begin, never more", "the documents are acknowledged", Until},
		{"record", "opensearch", "WriteRecord", "incident id, with its revision", "the document bears this revision or a higher one", "the document is acknowledged", Until},
		{"audit", "opensearch", "Audit", "chain and sequence number", "an entry of the chain bears the same cause", "creating the entry was acknowledged", Until},
		{"hunt outcome", "opensearch", "RecordHunt", "hunt and run; detections by hash", "the document exists; creating a detection that exists answers 409", "documents acknowledged", Until},
	}
}

// ReadOnly lists the steps that change nothing anywhere: they look, judge, verify or sign.
func ReadOnly() []string {
	return []string{
		"CheckPlaybook", "FindVulnerabilities", "GrantAction", "Judge", "LastEpisode", "ListContainments", "ListSources", "ListStrays", "MakePlan",
		"ReadHunt", "ReadLimits", "ReadSettings", "RunHunt", "RunningContainments", "VerifyDecision",
	}
}
