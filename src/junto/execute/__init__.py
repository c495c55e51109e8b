"""Inside one silo: runs functions on values that this party owns."""
