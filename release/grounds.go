package release

import (
	"fmt"
	"strings"

	"chartvault/record"
)

// Deficiencies says, in words, what is missing before a requester has authority:
// nothing when it is complete on the day.
func (g Grounds) Deficiencies(c Class, today record.Date) []string {
	var out []string
	want := func(ok bool, format string, args ...any) {
		if !ok {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	given := func(s string) bool { return strings.TrimSpace(s) != "" }
	want(given(g.Identity), "say how it was verified who asks (45 CFR 164.514(h))")
	switch c.Authority {
	case ByIdentity:
	case ByRepresentation:
		want(given(g.Acting), "say why the representative may act for the patient (45 CFR 164.502(g))")
	case ByRelationship:
		want(given(g.Relationship), "say what it is for: treatment, payment or operations (45 CFR 164.506)")
	case ByAuthorisation:
		if g.Authorisation == nil {
			want(false, "there is no authorisation (45 CFR 164.508)")
			break
		}
		out = append(out, g.Authorisation.Deficiencies(today)...)
	case ByOrder, BySubpoena, ByOfficial:
		want(given(g.Reference), "give the reference of the order or written request")
		want(!g.Dated.IsZero() && !g.Dated.After(today), "give its date, which cannot be to come")
		if c.Authority == BySubpoena {
			want(given(g.Assurance), "a subpoena without an order needs assurance that the patient was told, or that a protective order was sought (45 CFR 164.512(e)(1)(ii))")
		}
		if c.Authority == ByOfficial {
			want(given(g.Basis), "give the law the request rests on (45 CFR 164.512)")
		}
	}
	return out
}

// Deficiencies says why an authorisation is not valid on a day (45 CFR
// 164.508(b)(2) and (c)): nothing when it is.
func (a Authorisation) Deficiencies(today record.Date) []string {
	var out []string
	bad := func(is bool, what string) {
		if is {
			out = append(out, "the authorisation "+what)
		}
	}
	empty := func(s string) bool { return strings.TrimSpace(s) == "" }
	bad(empty(a.Information), "does not describe the information (164.508(c)(1)(i))")
	bad(empty(a.Discloser), "does not say who may disclose (164.508(c)(1)(ii))")
	bad(empty(a.Recipient), "does not say to whom (164.508(c)(1)(iii))")
	bad(empty(a.Purpose), "does not say what for (164.508(c)(1)(iv))")
	bad(a.Expires.IsZero() && empty(a.Event), "has neither an expiry date nor an event (164.508(c)(1)(v))")
	bad(!a.Expires.IsZero() && today.After(a.Expires), "expired on "+a.Expires.String()+" (164.508(b)(2)(i))")
	bad(a.Signed.IsZero() || empty(a.Signer), "is not signed and dated (164.508(c)(1)(vi))")
	bad(!a.Signed.IsZero() && a.Signed.After(today), "is signed on a day to come")
	bad(a.NotPatient && empty(a.Authority), "was signed for the patient without saying by what authority (164.508(c)(1)(vi))")
	bad(!a.Revocation, "does not say that it can be revoked (164.508(c)(2)(i))")
	bad(!a.Conditions, "does not say whether treatment depends on it (164.508(c)(2)(ii))")
	bad(!a.Redisclose, "does not warn that the recipient may disclose further (164.508(c)(2)(iii))")
	bad(!a.Plain, "is not in plain language (164.508(c)(3))")
	bad(!a.Revoked.IsZero() && !a.Revoked.After(today), "was revoked on "+a.Revoked.String()+" (164.508(b)(2)(iii))")
	bad(a.Compound, "is wrongly combined with another one (164.508(b)(2)(iv))")
	bad(a.False, "is known to be false (164.508(b)(2)(v))")
	bad(!a.Covers, "was not found to cover what is asked, for this recipient")
	return out
}
