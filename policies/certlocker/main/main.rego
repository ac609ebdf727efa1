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
	"obligations": obligation.merged(_obligations),
	"approval": _answer.approval,
	"labels": {},
}

default _input := {}

_input := input if is_object(input)

# The order of resolution.
_answer := {"effect": "deny", "reasons": _denials, "approval": requirement.none} if {
	count(_denials) > 0
} else := {"effect": "require_approval", "reasons": _stated(_asking), "approval": required} if {
	count(_asking) > 0
	required := requirement.of([given | some [_, given] in _asking])
	not requirement.met(required)
} else := {"effect": "allow", "reasons": _stated(_allowing), "approval": requirement.none} if {
	count(_allowing) > 0
} else := {"effect": "deny", "reasons": _default_denial, "approval": requirement.none}

_denials := array.concat(_stated(_denying), _faults)

_stated(contributions) := [contribution.reason(given, rule) | some [rule, given] in contributions]

# --- contributions, each with the package it comes from ----------------------------------------------------------------

# Arrays, since a set would hash every reason again. Whatever a company contributes malformed is a denial, so only what is
# stated beside that denial, denials and obligations, has to be sifted.
_denying := array.concat(
	[[_shipped(rule), given] | some given in _set(data.certlocker.rules[rule].deny)],
	[[_custom(company), given] | some given in _set(data.custom[company].deny); contribution.is_reason(given)],
)

_asking := array.concat(
	[[_shipped(rule), given] | some given in _set(data.certlocker.rules[rule].require_approval)],
	[[_custom(company), given] | some given in _set(data.custom[company].require_approval)],
)

_allowing := array.concat(
	[[_shipped(rule), given] | some given in _set(data.certlocker.rules[rule].allow)],
	[[_custom(company), given] | some given in _set(_custom_allow[company])],
)

# A company's rules only narrow, unless the operator switched their allowances on.
_custom_allow[company] := allowed if {
	data.certlocker.config.customMayAllow
	some company
	allowed := data.custom[company].allow
}

_obligations := array.concat(
	[given | some given in _set(data.certlocker.rules[_].oblige)],
	[given | some given in _set(data.custom[_].oblige); obligation.is_obligation(given)],
)

# What is no set is no rule but data slipped in under a policy's name: it neither allows nor obliges.
_set(contributed) := contributed if is_set(contributed)

_shipped(rule) := concat(".", ["certlocker.rules", rule])

_custom(company) := concat(".", ["custom", company])

# --- faults of the policy itself -------------------------------------------------------------------------------------

_faults := [fault | some fault in (_malformed | _unsound)]

_faulty contains _custom(company) if {
	some company
	contribution.is_faulty(data.custom[company].deny)
}

_faulty contains _custom(company) if {
	some company
	contribution.is_faulty(data.custom[company].require_approval)
}

_faulty contains _custom(company) if {
	some company, given in _custom_allow
	contribution.is_faulty(given)
}

_faulty contains _custom(company) if {
	some company
	obligation.is_faulty(data.custom[company].oblige)
}

# METADATA
# title: Access denied. A rule of the policy is malformed
# description: >
#   A rule contributed something that is neither a reason nor an obligation. It was meant to say something, so
#   everything is denied until it can be read.
# custom:
#   code: CONTRIBUTION_MALFORMED
#   severity: critical
#   example: "A company's rule says `deny := true` instead of adding a reason to the set, and every answer is a denial that names its package."
#   remedy: An operator runs `certlocker policy lint` and mends the rule that the reason names.
_malformed contains contribution.reason(reason.of(rego.metadata.rule(), {}), rule) if some rule in _faulty

# METADATA
# title: Access denied. The configuration of the policy is unsound
# description: >
#   A tunable is missing or has another type. A rule that compares with it would be silent, so everything is denied
#   until it is mended.
# custom:
#   code: CONFIG_UNSOUND
#   severity: critical
#   example: "distinctSecretsPerHourMax is the text `100` instead of the number, and every answer is a denial."
#   remedy: An operator compares data.certlocker.config with the shipped one and builds the bundle again.
_unsound contains contribution.reason(reason.of(rego.metadata.rule(), {}), "certlocker.lib.config") if not config.sound

# METADATA
# title: Access denied. No rule allows this
# description: >
#   No rule objected and no rule allowed it either. An action that no scope and no role covers ends here.
# custom:
#   code: DEFAULT_DENY
#   severity: medium
#   remedy: Nothing is allowed unless a rule says so. Look up which actions the policy knows for this kind of caller.
_default_denial contains contribution.reason(reason.of(rego.metadata.rule(), {}), "certlocker.main")
