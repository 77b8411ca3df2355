package record

// FactName says what a Fact is about. The names are stored.
type FactName string

// Facts about a person or a chart that start or stop retention clocks. Others
// are events a rule names itself, "event:" before them.
const (
	FactBorn                  FactName = "born"
	FactDied                  FactName = "died"
	FactDischarge             FactName = "discharge"               // the most recent one
	FactLastEncounter         FactName = "last_encounter"          // the most recent contact of any kind
	FactLastEntry             FactName = "last_entry"              // in the paper record
	FactLastUse               FactName = "last_use"                // of the record, for the care of the patient
	FactRecordCreated         FactName = "record_created"          // of a record that has no date of service
	FactEmploymentEnd         FactName = "employment_end"          // of the employee the chart is about
	FactCaseClosed            FactName = "case_closed"             // of a claim, such as workers' compensation
	FactDocumentLastEffective FactName = "document_last_effective" // of a policy or an authorisation
)

// FactSource says where a fact comes from. Sources are stored.
type FactSource string

// Sources, in the order in which one outweighs another only by being a
// correction: all others stand side by side.
const (
	SourcePatientList FactSource = "patient list"
	SourceEncounters  FactSource = "encounters"
	SourceIndex       FactSource = "index"     // read from a filed document
	SourceRetrieval   FactSource = "retrieval" // the record was opened for the care of the patient
	SourceCorrection  FactSource = "correction"
)

// Fact is one dated statement about a chart, and where and when it was learned.
type Fact struct {
	Name   FactName   `json:"name"`
	Date   Date       `json:"date,omitzero"` // zero with SourceCorrection: it is unknown after all
	Answer string     `json:"answer,omitempty"`
	Source FactSource `json:"source"`
	On     Date       `json:"on,omitzero"` // the civil day it was learned
}

// Answers of a fact that says whether a chart belongs to a population a rule
// names, such as "employee".
const (
	Yes = "yes"
	No  = "no"
)

// Encounter is one stay or visit, as the site's encounter list has it.
type Encounter struct {
	ID    string `json:"id"` // the site's number of the encounter; it replaces an earlier line of the same number
	Begin Date   `json:"begin,omitzero"`
	End   Date   `json:"end,omitzero"` // zero while it is open
	On    Date   `json:"on,omitzero"`  // the civil day it was learned
}
