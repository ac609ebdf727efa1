package certlocker.lib.obligation_test

import data.certlocker.lib.obligation

test_merge[name] if {
	some name, case in {
		"the shortest time": {
			"given": [
				{"type": "max_ttl_seconds", "properties": {"seconds": 600}},
				{"type": "max_ttl_seconds", "properties": {"seconds": 60}},
			],
			"merged": [{"type": "max_ttl_seconds", "properties": {"seconds": 60}}],
		},
		"the smallest result": {
			"given": [
				{"type": "max_result_bytes", "properties": {"bytes": 10}},
				{"type": "max_result_bytes", "properties": {"bytes": 20}},
			],
			"merged": [{"type": "max_result_bytes", "properties": {"bytes": 10}}],
		},
		"everything that one of them hides": {
			"given": [
				{"type": "redact_result", "properties": {"pointers": ["/b", "/a"]}},
				{"type": "redact_result", "properties": {"pointers": ["/a", "/c"]}},
			],
			"merged": [{"type": "redact_result", "properties": {"pointers": ["/a", "/b", "/c"]}}],
		},
		"everybody who is to be told": {
			"given": [
				{"type": "notify", "properties": {"channels": ["#ops"]}},
				{"type": "notify", "properties": {"channels": ["#sec"]}},
			],
			"merged": [{"type": "notify", "properties": {"channels": ["#ops", "#sec"]}}],
		},
		"the strictest record": {
			"given": [
				{"type": "record", "properties": {"level": "full"}},
				{"type": "record", "properties": {"level": "metadata"}},
			],
			"merged": [{"type": "record", "properties": {"level": "full"}}],
		},
		"the lowest rate of one key and window, beside another key": {
			"given": [
				{"type": "rate_limit", "properties": {"key": "agent", "calls": 5, "seconds": 60}},
				{"type": "rate_limit", "properties": {"key": "agent", "calls": 3, "seconds": 60}},
				{"type": "rate_limit", "properties": {"key": "resource", "calls": 9, "seconds": 60}},
			],
			"merged": [
				{"type": "rate_limit", "properties": {"key": "agent", "calls": 3, "seconds": 60}},
				{"type": "rate_limit", "properties": {"key": "resource", "calls": 9, "seconds": 60}},
			],
		},
		"one use_only, one suspension": {
			"given": [
				{"type": "use_only", "properties": {}},
				{"type": "suspend_agent", "properties": {"reason": "a"}},
				{"type": "suspend_agent", "properties": {}},
			],
			"merged": [
				{"type": "suspend_agent", "properties": {}},
				{"type": "use_only", "properties": {}},
			],
		},
		"nothing": {"given": [], "merged": []},
	}
	obligation.merged(case.given) == sort(case.merged)
	every one in case.merged {
		obligation.is_obligation(one)
	}
}

test_fault[name] if {
	some name, given in {
		"no set": [],
		"no object": {"use_only"},
		"an unknown type": {{"type": "celebrate", "properties": {}}},
		"no type": {{"properties": {}}},
		"no properties": {{"type": "use_only"}},
		"a limit of no number": {{"type": "max_ttl_seconds", "properties": {"seconds": "60"}}},
		"a limit below zero": {{"type": "max_ttl_seconds", "properties": {"seconds": -1}}},
		"a limit that is not whole": {{"type": "max_ttl_seconds", "properties": {"seconds": 1.5}}},
		"a list that is none": {{"type": "notify", "properties": {"channels": "#ops"}}},
		"an empty list": {{"type": "notify", "properties": {"channels": []}}},
		"a list of numbers": {{"type": "redact_result", "properties": {"pointers": [1]}}},
		"an unknown level": {{"type": "record", "properties": {"level": "some"}}},
		"a rate without key": {{"type": "rate_limit", "properties": {"calls": 1, "seconds": 1}}},
		"a whole one beside a broken one": {{"type": "use_only", "properties": {}}, {"type": "record", "properties": {}}},
	}
	obligation.is_faulty(given)
}
