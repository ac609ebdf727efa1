# METADATA
# title: The tunables
# description: >
#   They live in data.certlocker.config inside the bundle. A tunable of the wrong type would silence the rule that
#   compares with it, so the decision is a denial until all of them are sound.
package certlocker.lib.config

# METADATA
# title: Every tunable is present and of its type
sound if {
	config := data.certlocker.config
	is_boolean(config.customMayAllow)
	is_boolean(config.probeUnregisteredTargets)
	is_array(config.approvalExemptGroups)
	is_object(config.approvalRequired)
	is_object(config.approvalQuorum)
	is_number(config.approvalUseSeconds)
	is_number(config.sshTtlSecondsMax)
	is_array(config.sshDeniedCommands)
	is_array(config.sshArgvOnlyEnvironments)
	is_number(config.distinctSecretsPerHourMax)
	is_number(config.deniedNamesPerMinuteMax)
}
