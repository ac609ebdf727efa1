package certlocker.rules.agent_test

import data.certlocker.fixture_test as fixture
import data.certlocker.rules.agent

test_status[name] if {
	some name, case in {
		"an active agent": {"facts": {"status": "active"}, "codes": set()},
		"a suspended agent": {"facts": {"status": "suspended"}, "codes": {"AGENT_SUSPENDED"}},
		"a revoked agent": {"facts": {"status": "revoked"}, "codes": {"AGENT_REVOKED"}},
		"a suspended person is no agent": {"facts": {"kind": "person", "status": "suspended"}, "codes": set()},
		"a revoked person is no agent": {"facts": {"kind": "person", "status": "revoked"}, "codes": set()},
	}
	question := object.union(fixture.call("dev-agent", "host.list", "none"), {"principal": case.facts})
	found := fixture.codes(agent.deny) with input as question
	found == case.codes
}
