package secret

// Computed apart from this code, for a master key of 32 bytes 0x01.
const (
	wantMAC   = "b3ad82b1505320bdc7d42b85f9c6caec3b9d572e2cdc3e7346b395cbcb05762d"
	wantKeyID = "b496e061"
)
