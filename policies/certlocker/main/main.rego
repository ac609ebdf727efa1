# METADATA
# title: The decision
# description: >
#   Collects what the shipped rules and a company's own rules contribute, and resolves it. Any denial denies; whatever
#   is malformed denies; what needs an approval and has none waits for one; and without an allowance the answer is no.
package certlocker.main

import data.certlocker.lib.config
import data.certlocker.lib.contribution
import data.certlocker.lib.obligation
import data.certlocker.lib.reason
import data.certlocker.lib.requirement

# METADATA
# entrypoint: true
# scope: document
# title: The answer to one call, certlocker.decision/v1
# description: Always defined, whatever the input. Echoes call id and input schema for the host to compare.
decision := {
	"schema": "certlocker.decision/v1",
	"inputSchema": object.get(_input, "schema", ""),
	"callId": object.get(_input, ["call", "id"], ""),
	"effect": _answer.effect,
	"reasons": sort(_answer.reasons),
	"obligations": obligation.merged({given | some [_, given] in _given.oblige}),
	"approval": _answer.approval,
	"labels": {},
}

default _input := {}

_input := input

# The order of resolution.
_answer := {"effect": "deny", "reasons": _denials, "approval": requirement.none} if {
	count(_denials) > 0
} else := {"effect": "require_approval", "reasons": _reasons("require_approval"), "approval": required} if {
	count(_given.require_approval) > 0
	required := requirement.of({given | some [_, given] in _given.require_approval})
	not requirement.met(required)
} else := {"effect": "allow", "reasons": _reasons("allow"), "approval": requirement.none} if {
	count(_given.allow) > 0
} else := {"effect": "deny", "reasons": _default_denial, "approval": requirement.none}

_denials := (_reasons("deny") | _malformed) | _unsound

_reasons(set_name) := {contribution.reason(given, rule) | some [rule, given] in _given[set_name]}

# METADATA
# title: Access denied. A rule of the policy is malformed
# custom:
#   code: CONTRIBUTION_MALFORMED
#   severity: critical
#   remedy: An operator runs `certlocker policy lint` and mends the rule that the reason names.
_malformed contains contribution.reason(reason.of(rego.metadata.chain(), {"set": set_name}), rule) if {
	some [rule, set_name, contributed] in _contributed
	contribution.is_malformed(set_name, contributed)
}

# METADATA
# title: Access denied. The configuration of the policy is unsound
# custom:
#   code: CONFIG_UNSOUND
#   severity: critical
#   remedy: An operator compares data.certlocker.config with the shipped one and builds the bundle again.
_unsound contains contribution.reason(reason.of(rego.metadata.chain(), {}), "certlocker.lib.config") if not config.sound

# METADATA
# title: Access denied. No rule allows this
# custom:
#   code: DEFAULT_DENY
#   severity: medium
#   remedy: Nothing is allowed unless a rule says so. Look up which actions the policy knows for this kind of caller.
_default_denial contains contribution.reason(reason.of(rego.metadata.chain(), {}), "certlocker.main")

# What is well-formed of each set, with the rule it comes from.
_given[set_name] := given if {
	some set_name in contribution.sets
	given := {[rule, one] |
		some [rule, name, contributed] in _contributed
		name == set_name
		is_set(contributed)
		some one in contributed
		contribution.is_well_formed(set_name, one)
	}
}

_contributed contains [concat(".", ["certlocker.rules", rule]), "deny", contributed] if {
	some rule
	contributed := data.certlocker.rules[rule].deny
	contributed != set()
}

_contributed contains [concat(".", ["certlocker.rules", rule]), "require_approval", contributed] if {
	some rule
	contributed := data.certlocker.rules[rule].require_approval
	contributed != set()
}

_contributed contains [concat(".", ["certlocker.rules", rule]), "allow", contributed] if {
	some rule
	contributed := data.certlocker.rules[rule].allow
	contributed != set()
}

_contributed contains [concat(".", ["certlocker.rules", rule]), "oblige", contributed] if {
	some rule
	contributed := data.certlocker.rules[rule].oblige
	contributed != set()
}

_contributed contains [concat(".", ["custom", company]), "deny", contributed] if {
	some company
	contributed := data.custom[company].deny
	contributed != set()
}

_contributed contains [concat(".", ["custom", company]), "require_approval", contributed] if {
	some company
	contributed := data.custom[company].require_approval
	contributed != set()
}

_contributed contains [concat(".", ["custom", company]), "oblige", contributed] if {
	some company
	contributed := data.custom[company].oblige
	contributed != set()
}

# A company's rules only narrow, unless the operator switched their allowances on.
_contributed contains [concat(".", ["custom", company]), "allow", contributed] if {
	data.certlocker.config.customMayAllow
	some company
	contributed := data.custom[company].allow
	contributed != set()
}
