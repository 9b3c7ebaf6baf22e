package pool

import (
	"os"
	"strings"
	"testing"
)

// template is a style sheet with every class of the classic pages.
func template(t testing.TB) string {
	text, err := os.ReadFile("testdata/classic.css")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestClassicCSS(t *testing.T) {
	for _, text := range []string{
		"", " \n", "/* nothing */", template(t), strings.ReplaceAll(template(t), "\n", "\r\n"),
		".label-customizable {font-weight: 400;}", ".label-customizable{font-weight:400}",
		".label-customizable, .legalText-customizable\n{ color: #FFF !important; }", ".label-customizable { }",
		".submitButton-customizable:hover{background:linear-gradient(135deg,#0a1226 0%,rgba(1,2,3,.5) 100%)}",
		`.label-customizable{font-family:"Helvetica Neue", Arial, sans-serif;font:12px/1.5 'A'}`,
		".banner-customizable{width:calc(100% - 2 * (3px + 1em))}/* b > a @x url(x) */",
		".label-customizable{/* color: */color:red/* ; */;;}",
	} {
		if err := checkClassicCSS(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestClassicCSSRefused is what a style sheet of the classic pages must not do.
func TestClassicCSSRefused(t *testing.T) {
	in := func(declarations string) string { return ".label-customizable{" + declarations + "}" }
	for what, texts := range map[string][]string{
		"loads": {
			in("background:url(https://evil.example/x)"), in("background:URL('x')"), in(`background:url("x")`), in("background: url( x )"),
			in("background-image:image-set('x' 1x)"), in("background:image('x')"), in("background:src('x')"), in("background:-webkit-image-set(url(x) 1x)"),
			in("cursor:url(x),auto"), in("background:u/**/rl(x)"), in("background:url/**/(x)"), in("background:element(#x)"), in("background:cross-fade(x)"),
			in("background:attr(data-x)"), in("background:var(--x)"), in("color:env(x)"), in("background:url(data:image/png;base64,AAAA)"),
		},
		"escapes": {
			in(`background:\75rl(x)`), in(`background:\000075 rl(x)`), in(`c\6flor:red`), `.label\-customizable{color:red}`, in(`font-family:"\22"`),
			"/* \\ */", in("color:red\x00"), in("color:\u0085red"), "\x1b",
		},
		"at": {
			"@import 'x';", "@import url(x);", `@charset "utf-7";`, "@media print{.label-customizable{color:red}}", "@supports (color:red){}", "@page{margin:0}",
			"@font-face{font-family:x;src:url(x)}", "@namespace x 'y';", "@keyframes x{from{color:red}}", "@layer x;", "@x", in("@import 'x';"), in("color:red;@media print{}"),
			"/**/@import 'x';", "@IMPORT 'x';", ".label-customizable{color:red}@import 'x';",
		},
		"selects": {
			"*{color:red}", "body{color:red}", "#x{color:red}", "[x]{color:red}", ".x{color:red}", ".label-customizable .x{color:red}", ".label-customizable *{color:red}",
			".label-customizable>a{color:red}", ".label-customizable+a{color:red}", ".label-customizable~a{color:red}", ".label-customizable a{color:red}",
			".label-customizable.x{color:red}", ".label-customizable[x^=y]{color:red}", ".label-customizable::before{color:red}", ".label-customizable:has(a){color:red}",
			".label-customizable:not(.x){color:red}", ".label-customizable:visited{color:red}", ".label-customizable,body{color:red}", ".label-customizable,{color:red}",
			",.label-customizable{color:red}", "{color:red}", ".LABEL-customizable{color:red}", ".label-customizable:hover:hover{color:red}", ": .label-customizable{color:red}",
			in("color:red;&:hover{color:blue}"), in(".label-customizable{color:red}"), in("a{color:red}"), "a:hover,.label-customizable{color:red}",
		},
		"declares": {
			in("position:fixed"), in("z-index:1"), in("content:'x'"), in("behavior:url(x)"), in("behavior:x"), in("-moz-binding:x"), in("filter:x"), in("--x:red"),
			in("*color:red"), in("_color:red"), in("transform:scale(9)"), in("top:0"), in("float:left"), in("animation:x"), in("color:expression(alert(1))"),
			in("color:red!ie"), in("color:javascript:alert(1)"), in("color:red;color"), in("color"), in(":red"), in("color:a{b}"), in("color:[a]"), in("color:red}}"),
			in("color:U+26"), in("font-family:'a;b'"), in("color:'"), in("color:red>blue"), in("color:a|b"), in("color:$a"), in("color:a=b"), in("background:paint(x)"),
		},
		"leaves": {
			".label-customizable{color:red}</style><script>", "</style>", "<!-- -->", "-->", in("color:red") + "-->", "/* </style> */", in("font-family:'</style>'"),
			".label-customizable{color:red", ".label-customizable{", ".label-customizable", "}", in("color:red") + "}", "/* open", in("color:red") + "/*", ";", "color:red", "x",
			in("width:calc(1px"), in("color:rgb(1,2,3"), in("width:1px)"),
		},
	} {
		t.Run(what, func(t *testing.T) {
			for _, text := range texts {
				if err := checkClassicCSS(text); err == nil {
					t.Errorf("%q is accepted", text)
				}
			}
		})
	}
}

// FuzzClassicCSS sees to it that what is accepted has nothing in it that could load anything, wherever a browser finds
// its beginning and end.
func FuzzClassicCSS(f *testing.F) {
	f.Add(template(f))
	f.Add(".label-customizable{background:url(x)}")
	f.Add("/*/.label-customizable{color:red}/**/")
	f.Fuzz(func(t *testing.T, text string) {
		if checkClassicCSS(text) != nil {
			return
		}
		for i := 0; i < len(text); i++ { // cuts comments out as a browser does
			if strings.HasPrefix(text[i:], "/*") {
				end := strings.Index(text[i+2:], "*/")
				if end < 0 {
					t.Fatalf("%q: a comment does not end", text)
				}
				text = text[:i] + " " + text[i+2+end+2:]
			}
		}
		for _, bad := range []string{"url(", "@", "\\", "<", "expression(", "image-set("} {
			if strings.Contains(strings.ToLower(text), bad) {
				t.Errorf("%q is accepted with %s in it", text, bad)
			}
		}
	})
}
