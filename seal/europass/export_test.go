package europass

// IssuerSerial is issuerSerial.
var IssuerSerial = issuerSerial
