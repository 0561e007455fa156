package errordoc

import (
	"go/ast"
	"go/token"
	"regexp"
	"strconv"
	"strings"
)

// values tells what expressions of one file are, as far as that stands in the
// source.
type values struct {
	s       *source
	p       *pkg
	imports map[string]*pkg
}

// unknown stands for what only the running program knows.
const unknown = "…"

var verb = regexp.MustCompile(`%[-+# 0-9.]*[a-zA-Z]`)

// text is the value of an expression as it will read.
func (v values) text(e ast.Expr) string {
	s, ok := v.eval(e, 0)
	if !ok {
		return unknown
	}
	return verb.ReplaceAllString(s, unknown)
}

func (v values) eval(e ast.Expr, depth int) (string, bool) {
	if depth > 8 {
		return "", false
	}
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			s, err := strconv.Unquote(e.Value)
			return s, err == nil
		}
		return e.Value, true
	case *ast.ParenExpr:
		return v.eval(e.X, depth+1)
	case *ast.BinaryExpr:
		if e.Op != token.ADD {
			return "", false
		}
		return v.or(e.X, depth) + v.or(e.Y, depth), true
	case *ast.Ident:
		if c := v.p.consts[e.Name]; c != nil {
			return v.eval(c, depth+1)
		}
	case *ast.SelectorExpr:
		return v.selected(e, depth)
	case *ast.CallExpr:
		return v.called(e, depth)
	}
	return "", false
}

func (v values) or(e ast.Expr, depth int) string {
	if s, ok := v.eval(e, depth+1); ok {
		return s
	}
	return unknown
}

// selected is a constant of another package. Those of net/http are statuses.
func (v values) selected(e *ast.SelectorExpr, depth int) (string, bool) {
	x, ok := e.X.(*ast.Ident)
	if !ok {
		return "", false
	}
	if status, ok := strings.CutPrefix(e.Sel.Name, "Status"); ok && x.Name == "http" {
		n, ok := statuses[status]
		return n, ok
	}
	other := v.imports[x.Name]
	if other == nil || other.consts[e.Sel.Name] == nil {
		return "", false
	}
	return values{s: v.s, p: other, imports: v.imports}.eval(other.consts[e.Sel.Name], depth+1)
}

// called is a conversion such as string(x), or fmt.Sprintf of a constant.
func (v values) called(e *ast.CallExpr, depth int) (string, bool) {
	switch f := e.Fun.(type) {
	case *ast.Ident:
		if len(e.Args) == 1 && (f.Name == "string" || f.Name == "ErrorCode") {
			return v.eval(e.Args[0], depth+1)
		}
	case *ast.SelectorExpr:
		if x, ok := f.X.(*ast.Ident); ok && x.Name == "fmt" && f.Sel.Name == "Sprintf" && len(e.Args) > 0 {
			return v.eval(e.Args[0], depth+1)
		}
	}
	return "", false
}

// statuses are the numbers of the names that net/http gives them (RFC 9110,
// Section 15; RFC 6585).
var statuses = map[string]string{
	"BadRequest": "400", "Unauthorized": "401", "Forbidden": "403", "NotFound": "404", "MethodNotAllowed": "405", "NotAcceptable": "406",
	"RequestTimeout": "408", "Conflict": "409", "Gone": "410", "LengthRequired": "411", "PreconditionFailed": "412",
	"RequestEntityTooLarge": "413", "RequestURITooLong": "414", "UnsupportedMediaType": "415", "UnprocessableEntity": "422", "Locked": "423",
	"PreconditionRequired": "428", "TooManyRequests": "429", "RequestHeaderFieldsTooLarge": "431",
	"InternalServerError": "500", "NotImplemented": "501", "BadGateway": "502", "ServiceUnavailable": "503", "GatewayTimeout": "504",
}
