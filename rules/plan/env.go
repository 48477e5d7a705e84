package plan

// Env is what the condition of a plan can see.
type Env struct {
	Verdict Verdict `expr:"verdict"`
	Entity  Entity  `expr:"entity"`
	Brief   Brief   `expr:"brief"`
}

// AddressEnv is what the condition of a step that blocks can see: Env, one address, and for a block on an agent the
// asset that the agent runs on.
type AddressEnv struct {
	Env
	Address Address `expr:"address"`
	Asset   Asset   `expr:"asset"`
}

// AssetEnv is what the condition of a step that patches can see: Env, and one asset with its vulnerabilities.
type AssetEnv struct {
	Env
	Asset Asset `expr:"asset"`
}

// Verdict is the judgement on the incident.
type Verdict struct {
	Score      int     `expr:"score"`    // 0-100
	Severity   int     `expr:"severity"` // 1-4
	Confidence float64 `expr:"confidence"`
}

// Entity is what the incident is about.
type Entity struct {
	Family string `expr:"family"`
	Name   string `expr:"name"`
}

// Brief is what the incident knows of its detections.
type Brief struct {
	Level      string   `expr:"level"` // the worst, one of Sigma's five
	Detections int      `expr:"detections"`
	Rules      []string `expr:"rules"` // ids
	Tactics    []string `expr:"tactics"`
	Techniques []string `expr:"techniques"`
	CVEs       []string `expr:"cves"`
}

// Address is one observed address, in its normal form.
type Address struct {
	Value       string `expr:"value"`
	External    bool   `expr:"external"`    // none of ours, and none that only means something inside a network
	Warninglist string `expr:"warninglist"` // the list of well-known services that names it; "" for none
	Opinion     string `expr:"opinion"`     // the worst that a source said of it: malicious, suspicious, harmless, unknown
}

// Asset is a host of ours.
type Asset struct {
	Name            string  `expr:"name"`
	Agent           string  `expr:"agent"` // Wazuh's id; "" for none
	Exposed         bool    `expr:"exposed"`
	Vulnerabilities int     `expr:"vulnerabilities"`
	Critical        int     `expr:"critical"` // of these
	High            int     `expr:"high"`
	CVSS            float64 `expr:"cvss"` // the worst base score, 0-10
}
