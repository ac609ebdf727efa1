# METADATA
# title: Obligations and how they merge
# description: >
#   Whatever the effect, the obligations of all rules are merged to at most one of each type. Merging never loosens:
#   the smallest number, the union of what to hide and whom to tell, the strictest level. A type that is not in this
#   list cannot be carried out and is malformed.
package certlocker.lib.obligation

# METADATA
# title: A well-formed obligation
is_obligation(given) if {
	limit := _limits[given.type]
	given.properties[limit] >= 0
	is_number(given.properties[limit])
}

is_obligation(given) if {
	listed := _lists[given.type]
	is_array(given.properties[listed])
	every item in given.properties[listed] {
		is_string(item)
	}
}

is_obligation(given) if {
	given.type in _switches
	is_object(given.properties)
}

is_obligation(given) if {
	given.type == "record"
	given.properties.level in _record_levels
}

# METADATA
# title: The merged obligations, one of each type, in the order of their types
merged(given) := [_merge(type, {one.properties | some one in given; one.type == type}) |
	some type in sort({one.type | some one in given})
]

# Types whose property is an upper bound; the smallest counts.
_limits := {
	"max_ttl_seconds": "seconds",
	"max_result_bytes": "bytes",
	"rate_limit": "callsPerMinute",
}

# Types whose property is a list; the union counts.
_lists := {
	"redact_result": "pointers",
	"notify": "channels",
}

# Types without properties; one is enough.
_switches := {"use_only", "suspend_agent"}

# From the loosest to the strictest.
_record_levels := ["metadata", "output", "full"]

_merge(type, all) := {"type": type, "properties": {limit: min({one[limit] | some one in all})}} if {
	limit := _limits[type]
}

_merge(type, all) := {"type": type, "properties": {listed: sort({item | some one in all; some item in one[listed]})}} if {
	listed := _lists[type]
}

_merge(type, _) := {"type": type, "properties": {}} if type in _switches

_merge("record", all) := {"type": "record", "properties": {"level": _record_levels[strictest]}} if {
	strictest := max({index | some one in all; some index, level in _record_levels; level == one.level})
}
