package outbound

// CheckAddress is checkAddress.
var CheckAddress = checkAddress
