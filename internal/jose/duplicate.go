package jose

import "github.com/go-json-experiment/json/jsontext"

var errDuplicate = jsontext.ErrDuplicateName
