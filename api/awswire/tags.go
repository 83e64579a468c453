package awswire

import "reflect"

// tagFields is where an operation's input carries tags, and the names of tags to take away.
type tagFields struct{ tags, keys int } // of its struct; -1: nowhere

// findTagFields looks for the members that every service has for tags: a list of pairs of Key and
// Value, or a map; and a list of keys.
func findTagFields(in *shape) tagFields {
	f := tagFields{-1, -1}
	for _, m := range in.members {
		switch m.name {
		case "tags", "Tags":
			if m.shape.kind == kindMap || m.shape.kind == kindList && m.shape.elem.kind == kindStruct {
				f.tags = m.field
			}
		case "tagKeys", "TagKeys":
			f.keys = m.field
		}
	}
	return f
}

// requestTags are the tags that a call's input carries.
func (x *exchange) requestTags(in reflect.Value) map[string]string {
	if !in.IsValid() || x.binding == nil || x.binding.tags.tags < 0 {
		return nil
	}
	field := in.Field(x.binding.tags.tags)
	tags := make(map[string]string, field.Len())
	if field.Kind() == reflect.Map {
		for pair := field.MapRange(); pair.Next(); {
			tags[pair.Key().String()] = plain(pair.Value())
		}
		return tags
	}
	for i := range field.Len() {
		key, value := pairOf(field.Index(i))
		tags[key] = value
	}
	return tags
}

// pairOf reads a generated Tag, whose members are Key and Value in any case, optional or not.
func pairOf(tag reflect.Value) (key, value string) {
	return plain(tag.FieldByName("Key")), plain(tag.FieldByName("Value"))
}

func plain(v reflect.Value) string {
	if v.IsValid() && v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if !v.IsValid() {
		return ""
	}
	return v.String()
}

// tagKeys is aws:TagKeys: the names of the tags that a call sets or takes away.
func (x *exchange) tagKeys(in reflect.Value) ([]string, bool) {
	var names []string
	for name := range x.requestTags(in) {
		names = append(names, name)
	}
	if in.IsValid() && x.binding != nil && x.binding.tags.keys >= 0 {
		field := in.Field(x.binding.tags.keys)
		for i := range field.Len() {
			names = append(names, plain(field.Index(i)))
		}
	}
	return names, len(names) > 0
}
