# METADATA
# title: What an SSH session may be, and what may be run in it
# description: >
#   Account and mode have to be offered by the host. How long a session lasts is sshTtlSecondsMax at most. By default no
#   command is denied; sshDeniedCommands names programs that are, and in the environments of sshArgvOnlyEnvironments a
#   command is a program and its arguments, nothing that only a shell can read. Where programs are denied that holds
#   everywhere, since a shell would run them under another name. Nothing is ever forwarded: the bastion has no way to.
package certlocker.rules.ssh

import data.certlocker.lib.reason

# METADATA
# title: Access denied. The host does not offer that account or mode
# description: Who registered the host says as whom and how it may be entered. Everything else on it stays out of reach.
# custom:
#   code: HOST_NOT_ALLOWED
#   severity: medium
#   remedy: Ask for the hosts that are allowed (certlocker_list_allowed_hosts) and use an account and a mode from that list.
deny contains reason.of(rego.metadata.rule(), {}) if {
	input.call.action in {"ssh.request", "ssh.connect"}
	input.resource.exists
	not _offered
}

# METADATA
# title: Access denied. The command is not allowed on this host
# description: >
#   A command that the configuration denies, or one that only a shell can read where programs and arguments are asked for:
#   what a shell would make of it cannot be judged beforehand.
# custom:
#   code: COMMAND_NOT_ALLOWED
#   severity: medium
#   remedy: Send the program and its arguments as a list, and a program that sshDeniedCommands does not name.
deny contains reason.of(rego.metadata.rule(), {}) if {
	input.call.action == "ssh.command"
	_command_denied
}

# METADATA
# title: A session lasts for a limited time
oblige contains {
	"type": "max_ttl_seconds",
	"properties": {"seconds": data.certlocker.config.sshTtlSecondsMax},
} if {
	input.call.action == "ssh.request"
}

_offered if {
	_among("principal", "ssh.principals")
	_among("mode", "ssh.modes")
}

# What is not asked for is the first that the host offers.
_among(argument, _) if not input.arguments[argument]

_among(argument, label) if input.arguments[argument] in split(object.get(input.resource.labels, label, ""), " ")

_command_denied if _program in data.certlocker.config.sshDeniedCommands

_command_denied if input.derived.command.argv0 in data.certlocker.config.sshDeniedCommands

_command_denied if {
	input.derived.command.hasShellSyntax
	count(data.certlocker.config.sshDeniedCommands) > 0
}

_command_denied if {
	input.derived.command.hasShellSyntax
	input.resource.environment in data.certlocker.config.sshArgvOnlyEnvironments
}

# The name of the program without its directory.
_program := parts[count(parts) - 1] if parts := split(input.derived.command.argv0, "/")
