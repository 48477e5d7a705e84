package sigma

import (
	"slices"
	"testing"
)

// Sentences of the Sigma specification 2.1.0 by which vectors are answered otherwise.
const (
	// Rules, "Maps". Quantifiers and indices on a field's name, and `sigma-version: 3`, are another engine's own.
	mapsHold = "Maps (or dictionaries) consist of key/value pairs, in which the key is a field in the log data and the value is a string or integer value."
	// Filters, "Relative rules"; the schema says "minItems": 1. `rules: any` says it in words.
	filterRules = "refers to one or multiple Sigma rules where to add the filter"
	// Rules, "LogSource", "Use: mandatory": a document that takes it from another one by `action: repeat` has none. The list
	// of a rule's attributes ("File Structure") has no `action`.
	repeat = "The rules consist of a few required sections and several optional ones."
	// Correlations, "Time Selection": "Attribute: timespan, Use: mandatory"; `timeframe` is no attribute of a correlation.
	timespan = "defines a time period in which the correlation should be applied."
	// Correlations, "Temporal Proximity": a tumbling window and a session have boundaries; `window` is no attribute.
	boundaries = "The time frame should not be restricted to boundaries if this is not required by the given backend."
	// Rules, "Yaml File". A document without content is YAML's and holds no rule: the 50 rules before it are good ones.
	yamlFile = "The rule files are written in yaml format"
	// Rules, "Maps": what was recorded is the rule before a pipeline, which was not recorded, made it bad. The bad rule
	// itself is a case of testdata/specification.yaml.
	recorded = "the key is a field in the log data and the value is a string or integer value"
)

// listed are the vectors, by name and place among those of the name, that are answered otherwise than recorded, each with
// the specification's sentence. A rule of them that means something else elsewhere is refused, not read otherwise.
var listed = map[string]string{
	"condition_conformance::field_less_values_in_an_array_body_match_the_member_itself/1": mapsHold,
	"match_detail::array_all_records_every_member_up_to_cap/1":                            mapsHold,
	"match_detail::array_any_records_only_binding_members_with_indexed_paths/1":           mapsHold,
	"match_detail::array_member_fallback_respects_off_gating/1":                           mapsHold,
	"match_detail::array_none_and_vacuous_all_or_empty_keep_container/1":                  mapsHold,
	"match_detail::array_none_and_vacuous_all_or_empty_keep_container/2":                  mapsHold,
	"match_detail::array_scalar_records_unindexed_path/1":                                 mapsHold,
	"match_detail::array_summary_adds_descriptor_on_indexed_paths/1":                      mapsHold,
	"rsigma_eval::engine::tests::array_escaped_brackets_match_literal_field/1":            mapsHold,
	"rsigma_eval::engine::tests::array_extended_block_all_quantifier/1":                   mapsHold,
	"rsigma_eval::engine::tests::array_extended_block_scalar_element_marker/1":            mapsHold,
	"rsigma_eval::engine::tests::array_mixed_map_and_semantics/1":                         mapsHold,
	"rsigma_eval::engine::tests::array_negative_index_counts_from_end/1":                  mapsHold,
	"rsigma_eval::engine::tests::array_nested_quantifiers/1":                              mapsHold,
	"rsigma_eval::engine::tests::array_object_scope_all_or_empty_matches_empty/1":         mapsHold,
	"rsigma_eval::engine::tests::array_object_scope_any_correlates_same_element/1":        mapsHold,
	"rsigma_eval::engine::tests::array_okta_scopes_cloud_shape/1":                         mapsHold,
	"rsigma_eval::engine::tests::array_scalar_member_all_with_modifier/1":                 mapsHold,

	"integration::multi_rule_with_shared_and_targeted_filters/1":                 filterRules,
	"rsigma_eval::engine::tests::test_filter_applied_to_multiple_rules/1":        filterRules,
	"rsigma_eval::engine::tests::test_action_repeat_evaluates_correctly/1":       repeat,
	"integration::global_repeat_through_correlation_engine/1":                    repeat,
	"rsigma_eval::correlation_engine::tests::test_repeat_rules_in_correlation/1": repeat,

	"rsigma_eval::correlation_engine::tests::test_emit_detections_true_emits_all_detections/1": timespan,
	"rsigma_eval::correlation_engine::tests::test_generate_true_keeps_detections/1":            timespan,
	"rsigma_eval::correlation_engine::tests::test_no_suppression_fires_every_event/1":          timespan,
	"rsigma_eval::correlation_engine::tests::test_suppress_and_reset_combined/1":               timespan,
	"rsigma_eval::correlation_engine::tests::test_suppression_per_group_key/1":                 timespan,

	"rsigma_eval::correlation_engine::tests::test_max_group_entries_session_keeps_span_anchor/1": boundaries,
	"rsigma_eval::correlation_engine::tests::test_session_window_caps_at_timespan/1":             boundaries,
	"rsigma_eval::correlation_engine::tests::test_session_window_resets_after_gap/1":             boundaries,
	"rsigma_eval::correlation_engine::tests::test_tumbling_window_fires_within_bucket/1":         boundaries,
	"rsigma_eval::correlation_engine::tests::test_tumbling_window_misses_across_boundary/1":      boundaries,
	"state_snapshot::export_import_preserves_session_window/1":                                   boundaries,
	"state_snapshot::export_import_preserves_session_window/2":                                   boundaries,
}

// accepted are the vectors of rules to refuse that are read all the same, each with the specification's sentence.
var accepted = map[string]string{
	"error_paths::invalid_cidr_is_rejected_at_compile_time/1":                                    recorded,
	"error_paths::invalid_cidr_is_rejected_at_compile_time/2":                                    recorded,
	"error_paths::invalid_cidr_is_rejected_at_compile_time/3":                                    recorded,
	"error_paths::invalid_regex_is_rejected_at_compile_time/1":                                   recorded,
	"error_paths::numeric_comparison_with_non_numeric_value/1":                                   recorded,
	"error_paths::timestamp_part_with_non_numeric_string_is_incompatible/1":                      recorded,
	"rsigma_eval::engine::bloom_index::tests::memory_budget_drops_lowest_density_fields_first/1": yamlFile,
}

// TestTheListsNameVectors: a name that no vector has, or one that is not needed, hides nothing.
func TestTheListsNameVectors(t *testing.T) {
	var names []string
	for _, kind := range []string{"detection", "correlation", "reject"} {
		for _, v := range vectors(t, kind) {
			names = append(names, v.name)
		}
	}
	for _, list := range []map[string]string{listed, accepted, pipelined} {
		for name, sentence := range list {
			if !slices.Contains(names, name) || sentence == "" {
				t.Errorf("%s is no vector, or has no sentence", name)
			}
		}
	}
	t.Logf("%d vectors, %d answered otherwise, %d read all the same, %d for pipelines", len(names), len(listed), len(accepted), len(pipelined))
}
