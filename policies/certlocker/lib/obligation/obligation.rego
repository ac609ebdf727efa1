# METADATA
# title: Obligations and how they merge
# description: >
#   Whatever the effect, the obligations of all rules are merged to one of each type. Merging never loosens: the
#   smallest number, the union of what to hide and whom to tell, the strictest level. A rate_limit stands beside one of
#   another key or another window, since neither implies the other. A type that is not in this list cannot be carried
#   out and is a fault of the policy.
package certlocker.lib.obligation

# METADATA
# scope: document
# title: Something that is no set, or holds what is no obligation
is_faulty(contributed) if not is_set(contributed)

is_faulty(contributed) if {
	some given in contributed
	not is_obligation(given)
}

# METADATA
# scope: document
# title: A well-formed obligation
is_obligation(given) if _is_count(given.properties[_limits[given.type]])

is_obligation(given) if {
	listed := given.properties[_lists[given.type]]
	is_array(listed)
	count(listed) > 0
	every item in listed {
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

is_obligation(given) if {
	given.type == "rate_limit"
	is_string(given.properties.key)
	_is_count(given.properties.calls)
	_is_count(given.properties.seconds)
}

# METADATA
# title: The merged obligations, in the order of their types
merged(given) := sort([one | some type in {one.type | some one in given}; some one in _merge(type, given)])

# Types whose property is an upper bound; the smallest counts.
_limits := {"max_ttl_seconds": "seconds", "max_result_bytes": "bytes"}

# Types whose property is a list; the union counts.
_lists := {"redact_result": "pointers", "notify": "channels"}

# Types that carry nothing to merge; one is enough.
_switches := {"use_only", "suspend_agent"}

# From the loosest to the strictest.
_record_levels := ["metadata", "output", "full"]

_merge(type, given) := [{"type": type, "properties": {limit: min([value |
	some one in given
	one.type == type
	value := one.properties[limit]
])}}] if {
	limit := _limits[type]
}

_merge(type, given) := [{"type": type, "properties": {list: sort({item |
	some one in given
	one.type == type
	some item in one.properties[list]
})}}] if {
	list := _lists[type]
}

_merge(type, _) := [{"type": type, "properties": {}}] if type in _switches

_merge("record", given) := [{"type": "record", "properties": {"level": _record_levels[strictest]}}] if {
	strictest := max([index |
		some one in given
		one.type == "record"
		some index, level in _record_levels
		level == one.properties.level
	])
}

_merge("rate_limit", given) := [{"type": "rate_limit", "properties": {"key": key, "calls": calls, "seconds": seconds}} |
	some [key, seconds] in {[one.key, one.seconds] | some one in rates}
	calls := min([one.calls |
		some one in rates
		one.key == key
		one.seconds == seconds
	])
] if {
	rates := [one.properties | some one in given; one.type == "rate_limit"]
}

_is_count(value) if {
	is_number(value)
	value >= 0
	floor(value) == value
}
