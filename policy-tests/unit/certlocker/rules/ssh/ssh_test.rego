package certlocker.rules.ssh_test

import data.certlocker.fixture_test as fixture
import data.certlocker.rules.ssh

test_offered[name] if {
	some name, case in {
		"nothing asked for": {"arguments": {}, "codes": set()},
		"an account and a mode that are offered": {"arguments": {"principal": "deploy", "mode": "exec"}, "codes": set()},
		"another account": {"arguments": {"principal": "root"}, "codes": {"HOST_NOT_ALLOWED"}},
		"a part of an account": {"arguments": {"principal": "dep"}, "codes": {"HOST_NOT_ALLOWED"}},
		"another mode": {"arguments": {"mode": "shell"}, "codes": {"HOST_NOT_ALLOWED"}},
		"two accounts as one": {"arguments": {"principal": "deploy web"}, "codes": {"HOST_NOT_ALLOWED"}},
	}
	every action in ["ssh.request", "ssh.connect"] {
		found := fixture.codes(ssh.deny) with input as _asked(action, case.arguments)
		found == case.codes
	}
}

test_a_host_that_offers_nothing_is_refused[name] if {
	some name, arguments in {
		"a mode": {"mode": "exec"},
		"an account": {"principal": "deploy"},
		"a sign that no account has": {"principal": "~"},
	}
	question := fixture.call("dev-agent", "ssh.request", "dev-certificate")
	found := ssh.deny with input as object.union(question, {"arguments": arguments})
	fixture.codes(found) == {"HOST_NOT_ALLOWED"}
}

# Rule `unknown` answers for a host that does not exist, and in the session nobody asks for an account again.
test_what_is_not_offered_is_silent[name] if {
	some name, question in {
		"a host that does not exist": object.union(_asked("ssh.request", {"principal": "root"}), {"resource": {"exists": false}}),
		"a command in the session": _asked("ssh.command", {"principal": "root"}),
		"the end of the session": _asked("ssh.end", {"principal": "root"}),
	}
	found := ssh.deny with input as question
	found == set()
}

test_a_denied_program_matters_to_commands_only[action] if {
	some action in ["ssh.request", "ssh.connect", "ssh.end"]
	found := ssh.deny with input as object.union(_asked(action, {}), {"derived": {"command": {"argv0": "rm"}}})
		with data.certlocker.config.sshDeniedCommands as ["rm"]
	found == set()
}

test_commands[name] if {
	some name, case in {
		"anything by default": {"command": ["rm", false], "config": {}, "codes": set()},
		"shell syntax by default": {"command": ["rm", true], "config": {}, "codes": set()},
		"a denied program": {"command": ["rm", false], "config": {"denied": ["rm"]}, "codes": {"COMMAND_NOT_ALLOWED"}},
		"with its directory": {"command": ["/bin/rm", false], "config": {"denied": ["rm"]}, "codes": {"COMMAND_NOT_ALLOWED"}},
		"denied with its directory": {"command": ["/bin/rm", false], "config": {"denied": ["/bin/rm"]}, "codes": {"COMMAND_NOT_ALLOWED"}},
		"another program": {"command": ["/bin/ls", false], "config": {"denied": ["rm"]}, "codes": set()},
		"another one in shell syntax": {"command": ["ls", true], "config": {"denied": ["rm"]}, "codes": {"COMMAND_NOT_ALLOWED"}},
		"argv only here": {"command": ["ls", true], "config": {"argvOnly": ["development"]}, "codes": {"COMMAND_NOT_ALLOWED"}},
		"a program and its arguments where argv only": {"command": ["ls", false], "config": {"argvOnly": ["development"]}, "codes": set()},
		"argv only elsewhere": {"command": ["ls", true], "config": {"argvOnly": ["production"]}, "codes": set()},
	}
	[program, has_syntax] := case.command
	question := object.union(
		_asked("ssh.command", {}),
		{"derived": {"command": {"argv0": program, "argv": [program], "hasShellSyntax": has_syntax}}},
	)
	found := ssh.deny with input as question
		with data.certlocker.config.sshDeniedCommands as object.get(case.config, "denied", [])
		with data.certlocker.config.sshArgvOnlyEnvironments as object.get(case.config, "argvOnly", [])
	fixture.codes(found) == case.codes
}

test_a_session_is_limited_in_time if {
	obliged := ssh.oblige with input as _asked("ssh.request", {})
	obliged == {{"type": "max_ttl_seconds", "properties": {"seconds": data.certlocker.config.sshTtlSecondsMax}}}
	none := ssh.oblige with input as _asked("ssh.command", {})
	count(none) == 0
}

_asked(action, arguments) := object.union(fixture.call("dev-agent", action, "dev-host"), {"arguments": arguments})
