package workflows

import (
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// Search attributes of incidents. A SQL store has three slots for lists and three for numbers: these use them.
var (
	statusAttribute      = temporal.NewSearchAttributeKeyKeyword("SallyportStatus")
	entityAttribute      = temporal.NewSearchAttributeKeyKeyword("SallyportEntity")
	familyAttribute      = temporal.NewSearchAttributeKeyKeyword("SallyportFamily")
	tacticAttribute      = temporal.NewSearchAttributeKeyKeyword("SallyportTactic")
	caseAttribute        = temporal.NewSearchAttributeKeyKeyword("SallyportCase")
	assetsAttribute      = temporal.NewSearchAttributeKeyKeywordList("SallyportAssets")
	observablesAttribute = temporal.NewSearchAttributeKeyKeywordList("SallyportObservables")
	rulesAttribute       = temporal.NewSearchAttributeKeyKeywordList("SallyportRules")
	severityAttribute    = temporal.NewSearchAttributeKeyInt64("SallyportSeverity")
)

// SearchAttributes are what a namespace needs before the first incident.
func SearchAttributes() map[string]enums.IndexedValueType {
	return map[string]enums.IndexedValueType{
		statusAttribute.GetName(): statusAttribute.GetValueType(), entityAttribute.GetName(): entityAttribute.GetValueType(),
		familyAttribute.GetName(): familyAttribute.GetValueType(), tacticAttribute.GetName(): tacticAttribute.GetValueType(),
		caseAttribute.GetName(): caseAttribute.GetValueType(), assetsAttribute.GetName(): assetsAttribute.GetValueType(),
		observablesAttribute.GetName(): observablesAttribute.GetValueType(), rulesAttribute.GetName(): rulesAttribute.GetValueType(),
		severityAttribute.GetName(): severityAttribute.GetValueType(),
	}
}

// maxKeyword bounds a value: the server takes 255 characters on PostgreSQL. maxList bounds a list.
const (
	maxKeyword = 200
	maxList    = 20
)

// index makes the incident findable in the Temporal UI.
func (i *incident) index(ctx workflow.Context) error {
	r := i.Record
	var assets, observables, rules []string
	for _, a := range r.Brief.Assets {
		assets = append(assets, a.Name)
	}
	for _, o := range r.Brief.Observables {
		observables = append(observables, o.Value)
	}
	for _, rule := range r.Brief.Rules {
		rules = append(rules, rule.ID)
	}
	tactic := ""
	if len(r.Brief.Tactics) > 0 {
		tactic = r.Brief.Tactics[0]
	}
	return workflow.UpsertTypedSearchAttributes(ctx,
		statusAttribute.ValueSet(r.Status), entityAttribute.ValueSet(clip(r.Entity.Name, maxKeyword)), familyAttribute.ValueSet(clip(r.Entity.Family, maxKeyword)),
		tacticAttribute.ValueSet(clip(tactic, maxKeyword)), caseAttribute.ValueSet(clip(r.Case.ID, maxKeyword)), severityAttribute.ValueSet(int64(r.Verdict.Severity)),
		assetsAttribute.ValueSet(bounded(assets)), observablesAttribute.ValueSet(bounded(observables)), rulesAttribute.ValueSet(bounded(rules)),
	)
}

func bounded(list []string) []string {
	short := []string{}
	for _, text := range list[:min(len(list), maxList)] {
		short = append(short, clip(text, maxKeyword))
	}
	return short
}
