# For the demonstration: plain text inside the compose network, storage in a volume.
ui = false

listener "tcp" {
  address     = "0.0.0.0:8200"
  tls_disable = true
}

storage "file" {
  path = "/openbao/file/data"
}
