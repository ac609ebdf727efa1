# METADATA
# title: The shape of a contribution
# description: >
#   A rule contributes objects to four sets. What does not have the shape is not ignored but makes the whole
#   decision a denial: a rule that was meant to deny must never vanish.
package certlocker.lib.contribution

import data.certlocker.lib.obligation

# METADATA
# title: The sets a rule may add to
sets := {"deny", "require_approval", "allow", "oblige"}

# METADATA
# title: A set that is none, or has a member without the shape of that set
is_malformed(_, contributed) if not is_set(contributed)

is_malformed(set_name, contributed) if {
	some given in contributed
	not is_well_formed(set_name, given)
}

# METADATA
# title: A member with the shape of its set
# description: >
#   A reason needs code and title. It may have severity, details, visibility and, where it asks for approval, the quorum.
is_well_formed("oblige", given) if obligation.is_obligation(given)

is_well_formed(set_name, given) if {
	set_name != "oblige"
	is_object(given)
	_is_code(given.code)
	_is_text(given.title)
	object.get(given, "severity", "high") in {"low", "medium", "high", "critical"}
	object.get(given, "visibility", "agent") in {"agent", "operator"}
	is_object(object.get(given, "details", {}))
	object.get(given, "quorum", 1) in numbers.range(1, 16)
}

# METADATA
# title: The reason as the decision states it
# description: Adds what a company's rule may leave out, and the package it comes from.
reason(given, rule) := {
	"code": given.code,
	"title": given.title,
	"severity": object.get(given, "severity", "high"),
	"rule": rule,
	"details": object.get(given, "details", {}),
	"visibility": object.get(given, "visibility", "agent"),
}

_is_text(value) if {
	is_string(value)
	value != ""
	count(value) <= 2048
}

_letters := "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

_is_code(value) if {
	is_string(value)
	count(value) >= 3
	count(value) <= 64
	trim(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
	contains(_letters, substring(value, 0, 1))
}
