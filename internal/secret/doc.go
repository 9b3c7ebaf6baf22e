// Package secret keeps what must not be read by others: the master key, the
// sealing of records and of opaque client strings, keyed hashes, random codes,
// and a text type that never prints itself.
//
// All of it hangs on a [Keyring]: one active master key and the older ones
// that are still needed. Everything sealed names its key by a short id, so
// that keys can be rotated while old records are still readable.
//
// No key is used directly. From each master key HKDF-SHA256 derives one
// subkey for sealing, one for keyed hashes and the key id, each under a label
// of its own.
package secret
