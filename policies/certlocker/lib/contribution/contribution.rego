# METADATA
# title: The shape of a contribution
# description: >
#   A rule contributes objects to four sets. What does not have the shape is not ignored but makes the whole
#   decision a denial: a rule that was meant to deny must never vanish.
package certlocker.lib.contribution

# METADATA
# scope: document
# title: Something that is no set, or holds what is no reason
is_faulty(contributed) if not is_set(contributed)

is_faulty(contributed) if {
	some given in contributed
	not is_reason(given)
}

# METADATA
# title: A well-formed reason
# description: >
#   A reason needs code and title. It may have severity, details, visibility and, where it asks for approval, the quorum.
is_reason(given) if {
	_is_code(given.code)
	_is_text(given.title)
	object.get(given, "severity", "high") in {"low", "medium", "high", "critical"}
	object.get(given, "visibility", "agent") in {"agent", "operator"}
	is_object(object.get(given, "details", {}))
	_is_quorum(object.get(given, "quorum", 1))
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

_is_quorum(value) if {
	is_number(value)
	value >= 1
	value <= 16
}

_letters := "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

# What is no text has nothing to trim, so it is no code.
_is_code(value) if {
	count(value) >= 3
	count(value) <= 64
	trim(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
	contains(_letters, substring(value, 0, 1))
}
