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
		"the stricter of two middling records": {
			"given": [
				{"type": "record", "properties": {"level": "output"}},
				{"type": "record", "properties": {"level": "metadata"}},
			],
			"merged": [{"type": "record", "properties": {"level": "output"}}],
		},
		"the lowest rate, beside another window of the same key": {
			"given": [
				{"type": "rate_limit", "properties": {"key": "agent", "calls": 3, "seconds": 60}},
				{"type": "rate_limit", "properties": {"key": "agent", "calls": 100, "seconds": 3600}},
			],
			"merged": [
				{"type": "rate_limit", "properties": {"key": "agent", "calls": 3, "seconds": 60}},
				{"type": "rate_limit", "properties": {"key": "agent", "calls": 100, "seconds": 3600}},
			],
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

# Every type takes only what obligations of its own type say, whatever else others carry.
test_merge_of_each_type_apart[name] if {
	talkative := {"type": "use_only", "properties": {
		"seconds": 1,
		"bytes": 1,
		"pointers": ["/other"],
		"channels": ["#other"],
		"level": "full",
		"key": "agent",
		"calls": 1,
	}}
	some name, properties in {
		"max_ttl_seconds": {"seconds": 600},
		"max_result_bytes": {"bytes": 10},
		"redact_result": {"pointers": ["/a"]},
		"notify": {"channels": ["#ops"]},
		"record": {"level": "metadata"},
		"rate_limit": {"key": "agent", "calls": 9, "seconds": 1},
	}
	one := {"type": name, "properties": properties}
	obligation.merged([one, talkative]) == sort([one, {"type": "use_only", "properties": {}}])
}

test_whole[name] if {
	some name, given in {
		"a limit of zero": {"type": "max_ttl_seconds", "properties": {"seconds": 0}},
		"a result of no byte": {"type": "max_result_bytes", "properties": {"bytes": 0}},
		"one pointer": {"type": "redact_result", "properties": {"pointers": ["/a"]}},
		"one channel": {"type": "notify", "properties": {"channels": ["#ops"]}},
		"record metadata": {"type": "record", "properties": {"level": "metadata"}},
		"record output": {"type": "record", "properties": {"level": "output"}},
		"record full": {"type": "record", "properties": {"level": "full"}},
		"a rate": {"type": "rate_limit", "properties": {"key": "agent", "calls": 0, "seconds": 60}},
		"use_only": {"type": "use_only", "properties": {}},
		"suspend_agent": {"type": "suspend_agent", "properties": {"reason": "a"}},
	}
	not obligation.is_faulty({given})
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
		"a list that is a set": {{"type": "notify", "properties": {"channels": {"#ops"}}}},
		"a list of which one is no text": {{"type": "notify", "properties": {"channels": ["#ops", 1]}}},
		"an empty list": {{"type": "notify", "properties": {"channels": []}}},
		"a list of numbers": {{"type": "redact_result", "properties": {"pointers": [1]}}},
		"an unknown level": {{"type": "record", "properties": {"level": "some"}}},
		"a level of an unknown type": {{"type": "celebrate", "properties": {"level": "full"}}},
		"a rate without key": {{"type": "rate_limit", "properties": {"calls": 1, "seconds": 1}}},
		"a rate of no number of calls": {{"type": "rate_limit", "properties": {"key": "agent", "calls": "1", "seconds": 1}}},
		"a rate of no number of seconds": {{"type": "rate_limit", "properties": {"key": "agent", "calls": 1, "seconds": -1}}},
		"a rate of an unknown type": {{"type": "celebrate", "properties": {"key": "agent", "calls": 1, "seconds": 1}}},
		"a whole one beside a broken one": {{"type": "use_only", "properties": {}}, {"type": "record", "properties": {}}},
	}
	obligation.is_faulty(given)
}
