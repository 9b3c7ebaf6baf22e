package hostedui

import (
	"slices"
	"time"
)

// doing is what a form of the account page does.
type doing struct{ Token, Action string }

// Do makes the hidden fields of a form of the account page.
func (s *scene) Do(action string) doing { return doing{s.frame.Token, action} }

// moment is a time with its words; Text is "" for the zero time.
type moment struct{ Text, Machine string }

// Moment words a time: key is "created" or "used".
func (s *scene) Moment(key string, t time.Time) moment {
	if t.IsZero() {
		return moment{}
	}
	return moment{s.T(key, "time", s.When(t)), s.Machine(t)}
}

// Extras are the attributes that are not just fields: those that can only be read, and those that can be verified.
func (s *scene) Extras() (list []Attribute) {
	p, ok := s.P.(*Account)
	if !ok {
		return nil
	}
	for _, a := range p.Attributes {
		if a.Value != "" && (a.ReadOnly || a.Verification != "") {
			list = append(list, a)
		}
	}
	return list
}

// VerifyFields are the fields of the code that verifies an attribute.
func (s *scene) VerifyFields(name string) []*Field { return s.Section("verify-" + fieldID(name)) }

// Open reports whether a section that is folded away has something to say.
func (s *scene) Open(section string) bool {
	return slices.ContainsFunc(s.Section(section), func(f *Field) bool { return f.Error != "" })
}

// Others reports whether there are sessions besides the current one.
func (p *Account) Others() bool {
	return slices.ContainsFunc(p.Sessions, func(s Session) bool { return !s.Current })
}

// AnyUsable, Several and AnyPreferred say of how many factors there is something to choose.
func (f *Factors) AnyUsable() bool { return f.usable() > 0 }

// Several reports whether one can be preferred to another.
func (f *Factors) Several() bool { return f.usable() > 1 }

// AnyPreferred reports whether one is.
func (f *Factors) AnyPreferred() bool {
	return slices.ContainsFunc(f.List, func(s FactorState) bool { return s.Preferred })
}

func (f *Factors) usable() (n int) {
	for _, s := range f.List {
		if s.Usable {
			n++
		}
	}
	return n
}
