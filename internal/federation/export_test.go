package federation

// CheckAddress is checkAddress.
var CheckAddress = checkAddress
