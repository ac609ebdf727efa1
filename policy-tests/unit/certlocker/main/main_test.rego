package certlocker.main_test

import data.certlocker.fixture_test as fixture
import data.certlocker.main

allowed := fixture.call("dev-agent", "secret.read", "dev-secret")

denied := fixture.call("edge-agent", "secret.read", "prod-secret")

waiting := fixture.call("prod-agent", "secret.read", "prod-secret")

office_hours := {"code": "ACME_OFFICE_HOURS", "title": "Secrets are read in office hours only"}

outcome(decision) := [decision.effect, fixture.codes(decision.reasons)]

test_effect[name] if {
	some name, case in {
		"allow": {"question": allowed, "outcome": ["allow", {"SCOPE_HELD"}]},
		"deny": {"question": denied, "outcome": ["deny", {"GROUP_MISMATCH"}]},
		"require_approval": {"question": waiting, "outcome": ["require_approval", {"APPROVAL_PRODUCTION"}]},
		"nothing allows it": {"question": fixture.call("dev-agent", "secret.export", "dev-secret"), "outcome": ["deny", {"DEFAULT_DENY"}]},
	}
	decision := main.decision with input as case.question
	outcome(decision) == case.outcome
}

test_always_defined[name] if {
	some name, question in {
		"empty": {},
		"null": null,
		"a text": "x",
		"a list": [],
		"a call that is none": {"call": 1},
		"nulls": {"schema": null, "call": {"id": null}, "principal": null},
	}
	decision := main.decision with input as question
	outcome(decision) == ["deny", {"DEFAULT_DENY"}]
}

test_echo if {
	decision := main.decision with input as allowed
	decision.schema == "certlocker.decision/v1"
	decision.inputSchema == "certlocker.input/v1"
	decision.callId == "dec_1"
	decision.labels == {}
	decision.approval == {"groups": [], "roles": [], "quorum": 0, "useSeconds": 0}
}

test_echo_of_nothing_is_empty if {
	decision := main.decision with input as {}
	[decision.inputSchema, decision.callId] == ["", ""]
}

test_requirement if {
	decision := main.decision with input as waiting
	decision.approval == {"groups": ["prod"], "roles": ["admin", "approver"], "quorum": 1, "useSeconds": 900}
}

test_company_denies if {
	decision := main.decision with input as allowed with data.custom as {"acme": {"deny": {office_hours}}}
	decision.effect == "deny"
	decision.reasons == [{
		"code": "ACME_OFFICE_HOURS",
		"title": "Secrets are read in office hours only",
		"severity": "high",
		"rule": "custom.acme",
		"details": {},
		"visibility": "agent",
	}]
}

test_company_reason_is_stated_as_given if {
	given := object.union(office_hours, {"severity": "low", "details": {"hour": 22}, "visibility": "operator"})
	decision := main.decision with input as allowed with data.custom as {"acme": {"deny": {given}}}
	decision.reasons == [object.union(given, {"rule": "custom.acme"})]
}

# The package of a reason tells an operator where to look.
test_reasons_name_their_rule[name] if {
	some name, case in {
		"a shipped allowance": {"question": allowed, "rules": ["certlocker.rules.scope"]},
		"a shipped denial": {"question": denied, "rules": ["certlocker.rules.group"]},
		"a shipped request for approval": {"question": waiting, "rules": ["certlocker.rules.approval"]},
		"no rule at all": {"question": {}, "rules": ["certlocker.main"]},
	}
	decision := main.decision with input as case.question
	[one.rule | some one in decision.reasons] == case.rules
}

test_company_asks_for_more_approvers if {
	decision := main.decision with input as waiting
		with data.custom as {"acme": {"require_approval": {object.union(office_hours, {"quorum": 2})}}}
	outcome(decision) == ["require_approval", {"APPROVAL_PRODUCTION", "ACME_OFFICE_HOURS"}]
	decision.approval.quorum == 2
}

test_company_obliges_whatever_the_effect[name] if {
	some name, question in {"allow": allowed, "deny": denied}
	decision := main.decision with input as question
		with data.custom as {"acme": {"oblige": {{"type": "max_result_bytes", "properties": {"bytes": 9}}}}}
	decision.obligations == [{"type": "max_result_bytes", "properties": {"bytes": 9}}]
}

test_company_allows_only_when_switched_on[name] if {
	some name, case in {
		"off": {"switch": false, "effect": "deny", "rules": {"certlocker.main"}},
		"on": {"switch": true, "effect": "allow", "rules": {"custom.acme"}},
	}
	decision := main.decision with input as fixture.call("dev-agent", "secret.export", "dev-secret")
		with data.custom as {"acme": {"allow": {office_hours}}}
		with data.certlocker.config.customMayAllow as case.switch
	decision.effect == case.effect
	{one.rule | some one in decision.reasons} == case.rules
}

test_company_allowance_never_outweighs_a_denial if {
	decision := main.decision with input as denied
		with data.custom as {"acme": {"allow": {office_hours}}}
		with data.certlocker.config.customMayAllow as true
	decision.effect == "deny"
}

test_malformed_contribution_denies[name] if {
	some name, contributed in {
		"deny that is true": {"deny": true},
		"deny that is data": {"deny": [office_hours]},
		"a reason without code": {"deny": {{"title": "x"}}},
		"a malformed request for approval": {"require_approval": {"yes"}},
		"an unknown obligation": {"oblige": {{"type": "celebrate", "properties": {}}}},
		"obligations that are data": {"oblige": []},
		"a malformed allowance": {"allow": {true}},
	}
	decision := main.decision with input as allowed
		with data.custom as {"acme": contributed}
		with data.certlocker.config.customMayAllow as true
	outcome(decision) == ["deny", {"CONTRIBUTION_MALFORMED"}]
	{one.rule | some one in decision.reasons} == {"custom.acme"}
}

test_whole_denial_is_stated_beside_a_malformed_one if {
	decision := main.decision with input as denied with data.custom as {"acme": {"deny": {office_hours, "x"}}}
	outcome(decision) == ["deny", {"GROUP_MISMATCH", "ACME_OFFICE_HOURS", "CONTRIBUTION_MALFORMED"}]
}

test_malformed_denial_is_not_stated_itself if {
	decision := main.decision with input as allowed
		with data.custom as {"acme": {"deny": {object.union(office_hours, {"severity": "huge"})}}}
	outcome(decision) == ["deny", {"CONTRIBUTION_MALFORMED"}]
}

test_malformed_obligation_is_not_carried_out if {
	decision := main.decision with input as allowed
		with data.custom as {"acme": {"oblige": {{"type": "notify", "properties": {"channels": "#ops"}}}}}
	outcome(decision) == ["deny", {"CONTRIBUTION_MALFORMED"}]
	decision.obligations == []
}

test_unsound_configuration_denies[name] if {
	some name, config in {
		"missing": {},
		"a number that is a text": object.union(data.certlocker.config, {"distinctSecretsPerHourMax": "100"}),
	}
	decision := main.decision with input as allowed with data.certlocker.config as config
	decision.effect == "deny"
	["CONFIG_UNSOUND", "certlocker.lib.config"] in {[one.code, one.rule] | some one in decision.reasons}
}

test_data_under_a_rule_name_allows_nothing if {
	decision := main.decision with input as fixture.call("dev-agent", "secret.export", "dev-secret")
		with data.certlocker.rules.evil as {"allow": [office_hours]}
	outcome(decision) == ["deny", {"DEFAULT_DENY"}]
}
