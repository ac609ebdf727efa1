# METADATA
# title: An agent reads and guesses within a budget
# description: >
#   The history holds what happened before this call, over all tokens, sessions and replicas of the agent. An agent
#   that has read the hour's full number of distinct secrets reads no more until some of them are an hour old, so
#   the number is never exceeded. An agent that was refused the minute's number of distinct names is stopped at its
#   next call.
package certlocker.rules.budget

import data.certlocker.lib.reason

# METADATA
# title: Access denied. The agent has read {max} distinct secrets within the hour
# description: >
#   One agent that reads very many different secrets within the hour is copying a vault, by mistake or not.
# custom:
#   code: READ_BUDGET_EXCEEDED
#   severity: high
#   remedy: Wait until the hour has passed, or raise distinctSecretsPerHourMax in the policy configuration.
deny contains reason.of(rego.metadata.rule(), {"max": data.certlocker.config.distinctSecretsPerHourMax}) if {
	input.principal.kind == "agent"
	input.call.action == "secret.read"
	input.history.hour.distinctSecrets >= data.certlocker.config.distinctSecretsPerHourMax
}

# METADATA
# title: Access denied. The agent was refused {max} distinct names within a minute and is suspended
# description: >
#   Many different names that are refused within a minute are a search, not work. The agent is suspended by the same
#   decision.
# custom:
#   code: DENIAL_BURST
#   severity: critical
#   remedy: Find out who guessed the names before an operator resumes the agent.
deny contains reason.of(rego.metadata.rule(), {"max": data.certlocker.config.deniedNamesPerMinuteMax}) if _burst

# METADATA
# title: An agent that guesses names is suspended
oblige contains {"type": "suspend_agent", "properties": {}} if _burst

_burst if {
	input.principal.kind == "agent"
	input.history.minute.deniedNames >= data.certlocker.config.deniedNamesPerMinuteMax
}
