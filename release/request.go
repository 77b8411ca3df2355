package release

import (
	"slices"
	"time"

	"chartvault/record"
)

// Kind is what is asked for.
type Kind string

// Kinds of requests. They are stored.
const (
	Records    Kind = "records"
	Accounting Kind = "accounting" // of disclosures (45 CFR 164.528)
)

// accountingClass stands for requests for an accounting in the deadlines, and
// for its fee.
const accountingClass = "accounting"

// State is how far a request has come.
type State string

// States. They are stored.
const (
	Open     State = "open"     // somebody works on it
	Returned State = "returned" // the requester has to mend something
	Checking State = "checking" // a second person is to look at it
	Approved State = "approved" // it may go out as it is
	Closed   State = "closed"
)

// Outcome is how a request ended.
type Outcome string

// Outcomes. They are stored.
const (
	Released  Outcome = "released"
	Denied    Outcome = "denied"
	Cancelled Outcome = "cancelled"
	NoRecords Outcome = "no_records"
	Destroyed Outcome = "destroyed"
)

// Party is somebody outside: who asks, or who is given the record.
type Party struct {
	Name    string `json:"name"`
	Address string `json:"address,omitempty"`
	Contact string `json:"contact,omitempty"` // telephone, mail
}

// Grounds are what a requester's authority rests on, as a person looked at it.
type Grounds struct {
	Identity      string         `json:"identity,omitempty"`     // how it was verified who asks
	Acting        string         `json:"acting,omitempty"`       // why they may act for the patient
	Relationship  string         `json:"relationship,omitempty"` // treatment, payment, operations, in words
	Reference     string         `json:"reference,omitempty"`    // of the order, subpoena or written request
	Dated         record.Date    `json:"dated,omitzero"`         // the same
	Basis         string         `json:"basis,omitempty"`        // the law an official names
	Assurance     string         `json:"assurance,omitempty"`    // notice to the patient, or a protective order
	Authorisation *Authorisation `json:"authorisation,omitempty"`
	Sensitive     []string       `json:"sensitive,omitempty"` // classes that authorisation, consent or order name
	Document      string         `json:"document,omitempty"`  // id of the scanned authorisation or order, where it is filed
}

// Authorisation is what stands in a patient's authorisation: the elements of 45
// CFR 164.508(c). A person who has read it says so of each.
type Authorisation struct {
	Information string      `json:"information,omitempty"` // (1)(i) described specifically
	Discloser   string      `json:"discloser,omitempty"`   // (1)(ii) who may disclose
	Recipient   string      `json:"recipient,omitempty"`   // (1)(iii) to whom
	Purpose     string      `json:"purpose,omitempty"`     // (1)(iv)
	Expires     record.Date `json:"expires,omitzero"`      // (1)(v) a day,
	Event       string      `json:"event,omitempty"`       // or an event, which has not happened
	Signed      record.Date `json:"signed,omitzero"`       // (1)(vi)
	Signer      string      `json:"signer,omitempty"`
	Authority   string      `json:"authority,omitempty"`    // of a signer who is not the patient
	NotPatient  bool        `json:"not_patient,omitempty"`  // somebody else signed
	Revocation  bool        `json:"revocation,omitempty"`   // (2)(i) says that it can be revoked, and how
	Conditions  bool        `json:"conditions,omitempty"`   // (2)(ii) says whether treatment depends on it
	Redisclose  bool        `json:"redisclosure,omitempty"` // (2)(iii) warns of disclosure by the recipient
	Plain       bool        `json:"plain,omitempty"`        // (3) in plain language
	Revoked     record.Date `json:"revoked,omitzero"`       // (b)(2)(iii)
	Compound    bool        `json:"compound,omitempty"`     // (b)(2)(iv) wrongly combined with something else
	False       bool        `json:"false,omitempty"`        // (b)(2)(v) known to be false in something that matters
	Covers      bool        `json:"covers,omitempty"`       // a person found that it covers what is asked, and names this recipient
}

// Choice is what of a document goes out.
type Choice struct {
	Document record.ID `json:"document"`
	Pages    []int     `json:"pages"` // from 1, in order
}

// Redaction is what is blacked out on a page, in pixels of the page as displayed,
// at the resolution of its text.
type Redaction struct {
	Document record.ID    `json:"document"`
	Page     int          `json:"page"`
	Boxes    [][4]int     `json:"boxes"` // left, top, right, bottom
	Why      string       `json:"why"`
	By       record.Actor `json:"by"`
}

// Clearance is a person's word that a page is not of a sensitive class after all.
type Clearance struct {
	Document record.ID    `json:"document"`
	Page     int          `json:"page"`
	Class    string       `json:"class"`
	Why      string       `json:"why"`
	By       record.Actor `json:"by"`
}

// Act is a line of a request's history.
type Act struct {
	At   time.Time    `json:"at"`
	By   record.Actor `json:"by"`
	What string       `json:"what"`
}

// Extension is the one extension of a term.
type Extension struct {
	Until  record.Date  `json:"until"`
	Reason string       `json:"reason"`
	By     record.Actor `json:"by"`
	On     record.Date  `json:"on"`
}

// Request is a request for information.
type Request struct {
	ID        string      `json:"id"`
	Kind      Kind        `json:"kind"`
	Class     string      `json:"class"`
	Requester Party       `json:"requester"`
	Recipient Party       `json:"recipient"` // who is given it
	Patient   string      `json:"patient"`   // as the request names the patient
	Charts    []string    `json:"charts"`
	What      string      `json:"what"` // is asked for, in words
	From      record.Date `json:"from,omitzero"`
	To        record.Date `json:"to,omitzero"`
	Purpose   string      `json:"purpose"`
	Received  record.Date `json:"received"`
	Term      Term        `json:"term"`
	Extended  *Extension  `json:"extended,omitempty"`

	Grounds    Grounds        `json:"grounds"`
	Chosen     []Choice       `json:"chosen,omitempty"`
	LeftOut    string         `json:"left_out,omitempty"` // why something in scope does not go out
	Redactions []Redaction    `json:"redactions,omitempty"`
	Cleared    []Clearance    `json:"cleared,omitempty"`
	Waived     string         `json:"waived,omitempty"` // why nothing is charged
	Hands      []record.Actor `json:"hands,omitempty"`  // who had one in it: they do not check it

	State     State        `json:"state"`
	Submitted record.Actor `json:"submitted_by,omitempty"`
	Checked   record.Actor `json:"checked_by,omitempty"`
	Outcome   Outcome      `json:"outcome,omitempty"`
	Why       string       `json:"why,omitempty"`  // of the outcome, or what the requester has to mend
	Rows      string       `json:"rows,omitempty"` // of an accounting: the digest of what was checked
	Log       []Act        `json:"log"`
	Version   int          `json:"version"` // counts changes
}

// Due is the day it must be answered.
func (r Request) Due() record.Date {
	if r.Extended != nil {
		return r.Extended.Until
	}
	return r.Term.Due
}

// Pages counts the pages that go out.
func (r Request) Pages() int {
	n := 0
	for _, c := range r.Chosen {
		n += len(c.Pages)
	}
	return n
}

// Takes reports whether a page goes out.
func (r Request) Takes(id record.ID, page int) bool {
	return slices.ContainsFunc(r.Chosen, func(c Choice) bool { return c.Document == id && slices.Contains(c.Pages, page) })
}

// Black returns what is blacked out on a page.
func (r Request) Black(id record.ID, page int) (out [][4]int) {
	for _, x := range r.Redactions {
		if x.Document == id && x.Page == page {
			out = append(out, x.Boxes...)
		}
	}
	return out
}

// clone copies a request as deeply as it is changed.
func (r Request) clone() Request {
	r.Charts, r.Hands, r.Log = slices.Clone(r.Charts), slices.Clone(r.Hands), slices.Clone(r.Log)
	r.Chosen, r.Redactions, r.Cleared = slices.Clone(r.Chosen), slices.Clone(r.Redactions), slices.Clone(r.Cleared)
	return r
}
