package certlocker.rules.owner_test

import data.certlocker.fixture_test as fixture
import data.certlocker.rules.owner

test_owner[name] if {
	some name, case in {
		"an enabled owner": {"facts": {"ownerDisabled": false}, "codes": set()},
		"a disabled owner": {"facts": {"ownerDisabled": true}, "codes": {"OWNER_DISABLED"}},
		"a person has no owner": {"facts": {"kind": "person", "ownerDisabled": true}, "codes": set()},
	}
	question := object.union(fixture.call("dev-agent", "host.list", "none"), {"principal": case.facts})
	found := fixture.codes(owner.deny) with input as question
	found == case.codes
}
