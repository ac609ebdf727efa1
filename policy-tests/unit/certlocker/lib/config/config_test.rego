package certlocker.lib.config_test

import data.certlocker.lib.config

test_shipped_tunables_are_sound if config.sound

test_tunable_of_another_type_is_unsound[name] if {
	some name, _ in data.certlocker.config
	not sound_with(object.union(data.certlocker.config, {name: "x"}))
}

sound_with(tunables) if config.sound with data.certlocker.config as tunables
