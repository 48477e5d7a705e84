package pipeline

import (
	"maps"
	"slices"

	"github.com/sallyport-soar/sallyport/rules/document"
)

// maker reads a transformation of one type; keys are its own.
type maker struct {
	keys []string
	make func(rd *reader, tree *document.Node) transformation
}

// makers are the transformations that mean something here, by type. nest reads others, so that this is no table.
func makers() map[string]maker {
	return map[string]maker{
		"field_name_mapping":        {[]string{"mapping"}, (*reader).fieldMapping},
		"field_name_prefix_mapping": {[]string{"mapping"}, (*reader).prefixMapping},
		"field_name_suffix":         {[]string{"suffix"}, (*reader).suffix},
		"field_name_prefix":         {[]string{"prefix"}, (*reader).prefix},
		"drop_detection_item":       {nil, func(*reader, *document.Node) transformation { return dropItem{} }},
		"hashes_fields":             {[]string{"valid_hash_algos", "field_prefix", "drop_algo_prefix", "field_to_parse"}, (*reader).hashes},
		"replace_string":            {[]string{"regex", "replacement", "skip_special", "interpret_special"}, (*reader).replaceString},
		"map_string":                {[]string{"mapping"}, (*reader).mapString},
		"case":                      {[]string{"method"}, (*reader).toCase},
		"regex":                     {[]string{"method"}, (*reader).regex},
		"set_value":                 {[]string{"value", "force_type"}, (*reader).setValue},
		"convert_type":              {[]string{"target_type"}, (*reader).convertType},
		"value_placeholders":        {[]string{"include", "exclude"}, placeholdersOf(false)},
		"wildcard_placeholders":     {[]string{"include", "exclude"}, placeholdersOf(true)},
		"add_condition":             {[]string{"conditions", "name", "template", "negated"}, (*reader).addCondition},
		"change_logsource":          {sourceWords, (*reader).changeSource},
		"set_state":                 {[]string{"key", "val", "value"}, (*reader).setState},
		"set_custom_attribute":      {[]string{"attribute", "value"}, (*reader).setAttribute},
		"add_field":                 {[]string{"field"}, without},
		"remove_field":              {[]string{"field"}, without},
		"set_field":                 {[]string{"fields"}, without},
		"rule_failure":              {[]string{"message"}, failureOf(true)},
		"detection_item_failure":    {[]string{"message"}, failureOf(false)},

		"strict_field_mapping_failure": {nil, func(*reader, *document.Node) transformation { return failUnmapped{} }},
		"nest":                         {[]string{"items"}, (*reader).nest},
	}
}

func without(*reader, *document.Node) transformation { return noEffect{} }

func namesOf(types map[string]tester) []string { return slices.Sorted(maps.Keys(types)) }

// reason is why a transformation is refused.
type reason struct{ text, mend string }

// notHere are pySigma's other transformations.
var notHere = map[string]reason{
	"query_expression_placeholders": {"makes text of a query, and there is none here", "use value_placeholders with vars, or lists/NAME.yaml"},
	"file_placeholders":             {"reads a file while rules load", "put the values into lists/NAME.yaml"},
	"http_placeholders":             {"asks a server while rules load", "put the values into lists/NAME.yaml"},
	"command_placeholders":          {"runs a command while rules load", "put the values into lists/NAME.yaml"},
	"field_name_transform":          {"needs a function of Python", "use field_name_mapping, field_name_prefix or field_name_suffix"},
	"extract_fields":                {"makes fields of parts of a value, which is not done here", "write the fields into the rule"},
}
