package fields

// Type is one kind of document a chart is made of. LOINC codes are those of
// FHIR R4's c80-doc-typecodes; "" where there is none and the code is local.
type Type struct {
	Code  string
	LOINC string
	Title string // expression of the titles it is printed under
	Cues  string // expression of words its body uses
}

// Types is the table of document types. A page is of a type by one title, or
// by several cues; a title weighs more.
func Types() []Type {
	return []Type{
		{"DISCHARGE_SUMMARY", "18842-5", `discharge summary|summary of hospitalization|final summary`, `hospital course|condition (?:on|at) discharge|discharge (?:diagnos[ei]s|medications?)`},
		{"HISTORY_AND_PHYSICAL", "34117-2", `history (?:and|&) physical(?: exam(?:ination)?)?|h ?& ?p`, `past medical history|review of systems|family history|social history`},
		{"ADMISSION_NOTE", "47039-3", `admission (?:history|note|evaluation|h ?& ?p)`, `admitting diagnosis|reason for admission`},
		{"PROGRESS_NOTE", "11506-3", `(?:physician(?:'?s)? )?progress notes?(?:,? continued)?|(?:office|clinic) visit(?: note)?|soap note`, `subjective|objective|hospital day|assessment and plan`},
		{"CONSULTATION_NOTE", "11488-4", `consultation(?: (?:report|note|record))?|consult (?:note|report)`, `reason for consult(?:ation)?|requesting physician|thank you for (?:this|asking)`},
		{"REFERRAL_LETTER", "57133-1", `referral (?:letter|note|form)|arztbrief`, `referring physician|thank you for seeing|zuweis`},
		{"OPERATIVE_NOTE", "11504-8", `operative (?:report|note|record)|operation (?:report|record)|report of operation`, `pre-?operative diagnosis|post-?operative diagnosis|estimated blood loss|procedure in detail`},
		{"PROCEDURE_NOTE", "28570-0", `procedure (?:note|report|record)|endoscopy report|colonoscopy report`, `indications?|tolerated the procedure|informed consent (?:was )?obtained`},
		{"EMERGENCY_NOTE", "34111-5", `emergency (?:department|room|dept)(?: (?:record|note|report|chart))?|ed (?:record|note)`, `mode of arrival|ed course|chief complaint|triage level`},
		{"TRIAGE_NOTE", "54094-8", `triage (?:note|record|assessment)`, `acuity|mode of arrival`},
		{"LAB_REPORT", "11502-2", `laborator(?:y|ies)(?: (?:report|results?|data))?|lab (?:report|results)|clinical laboratory report`, `reference range|specimen|collected|wbc|mg/dl|mmol/l|hemoglobin`},
		{"PATHOLOGY_REPORT", "11526-1", `(?:surgical )?pathology(?: report)?|cytology report`, `gross description|microscopic|received in formalin|final diagnosis`},
		{"IMAGING_REPORT", "18748-4", `radiology(?: report)?|(?:diagnostic )?imaging report|x-?ray report|(?:ct|mri|ultrasound)(?: scan)?(?: (?:of|report).*)?`, `impression|technique|findings|comparison`},
		{"MAMMOGRAM", "36625-2", `mammogra(?:m|phy)(?: report)?`, `bi-?rads|craniocaudal|mediolateral`},
		{"EKG", "11524-6", `(?:electrocardiogram|e[ck]g)(?: report)?|1?12-lead e[ck]g.*`, `pr interval|sinus rhythm|vent\.? rate|qrs|qtc?`},
		{"EEG", "11523-8", `electroencephalogra(?:m|phy)(?: report)?|eeg(?: report)?`, `alpha rhythm|photic stimulation|hyperventilation`},
		{"CARDIAC_CATH", "18745-0", `cardiac cath(?:eterization)?(?: report)?`, `left anterior descending|circumflex|hemodynamics`},
		{"ECHOCARDIOGRAM", "42148-7", `echocardiogra(?:m|phy)(?: report)?|echo report`, `ejection fraction|mitral valve|left ventric`},
		{"NURSING_NOTE", "34746-8", `nurs(?:es|e's|ing)'? (?:notes?|record|assessment|flow ?sheet)`, `shift|vital signs|intake and output|side ?rails`},
		{"PHYSICIAN_ORDERS", "46209-3", `(?:physician(?:'?s|s')?|doctor(?:'?s|s')?) orders?|order sheet`, `verbal order|noted by|stat|prn`},
		{"MEDICATION_RECORD", "", `medication administration record|m\.?a\.?r\.?|medication (?:record|sheet)`, `dose|route|time given|initials`},
		{"ANESTHESIA_RECORD", "11485-0", `an(?:a?)esthesia (?:record|report)`, `asa class|mallampati|induction|intubat`},
		{"PERIOPERATIVE_RECORD", "29752-3", `peri-?operative (?:record|note)|pacu (?:record|note)|recovery room record`, `aldrete|sponge count`},
		{"CRITICAL_CARE_RECORD", "29751-5", `(?:icu|critical care|intensive care)(?: unit)? (?:flow ?sheet|record|note)`, `ventilator|vasopressor|cvp`},
		{"NEWBORN_RECORD", "11543-6", `newborn (?:record|assessment|nursery record)|nursery record|nicu (?:record|note)`, `apgar|birth weight|gestational age`},
		{"LABOR_AND_DELIVERY", "15508-5", `labor (?:and|&) delivery(?: (?:record|summary|note))?|delivery (?:record|note|summary)`, `gravida|para\b|membranes|fetal heart|station`},
		{"ANTEPARTUM_SUMMARY", "57055-6", `(?:prenatal|antepartum|antenatal) (?:record|summary|flow ?sheet)`, `fundal height|\bedc\b|\blmp\b`},
		{"CONSENT", "59284-0", `(?:informed )?consent(?: (?:to|for) .*| form)?|authori[sz]ation for (?:surgery|treatment|operation|procedure).*`, `i (?:hereby )?(?:authori[sz]e|consent)|risks|witness|alternatives`},
		{"ADVANCE_DIRECTIVE", "42348-3", `advance directive|living will|do not resuscitate.*|dnr order|polst.*|(?:durable )?power of attorney.*`, `health care agent|life-?sustaining`},
		{"DISCHARGE_INSTRUCTIONS", "74213-0", `discharge instructions|after visit summary|patient instructions`, `follow up with|call your doctor if|return to the emergency`},
		{"TRANSFER_SUMMARY", "18761-7", `(?:patient )?transfer (?:summary|form|record|note)`, `accepting physician|emtala|receiving facility`},
		{"THERAPY_NOTE", "28579-1", `(?:physical|occupational|speech|respiratory) therapy(?: (?:note|evaluation|record|progress note))?`, `range of motion|gait|transfers|plan of care`},
		{"SOCIAL_WORK_NOTE", "28653-4", `social (?:services?|work)(?: (?:note|assessment))?|case management(?: (?:note|assessment))?`, `discharge planning|psychosocial|support system`},
		{"NUTRITION_NOTE", "34801-1", `(?:nutrition|dietary)(?:al)? (?:note|assessment|consult(?:ation)?)`, `calor(?:ies|ic)|diet order|protein needs`},
		{"MENTAL_HEALTH_NOTE", "34786-4", `psychiatric (?:evaluation|note|consultation)|mental health (?:note|record|assessment)|psychology note`, `mental status|affect|suicidal ideation`},
		{"SUBSTANCE_USE_NOTE", "34857-3", `(?:substance (?:use|abuse)|chemical dependency|detox(?:ification)?) (?:note|assessment|record|treatment.*)`, `42 cfr part 2|methadone|audit-c|further disclosure`},
		{"DIALYSIS_RECORD", "29749-9", `(?:hemo)?dialysis (?:record|treatment record|flow ?sheet|note)`, `dry weight|dialysate|heparin`},
		{"CHEMOTHERAPY", "11486-8", `chemotherapy (?:record|orders?|flow ?sheet|note)`, `cycle [0-9]|\bauc\b|antiemetic`},
		{"BLOOD_BANK", "33720-4", `(?:blood )?transfusion record|blood bank(?: (?:report|record))?`, `unit number|cross-?match|donor`},
		{"AMBULANCE_RECORD", "67796-3", `(?:ems|ambulance)(?: (?:run|trip))?(?: (?:report|sheet|record))|(?:pre-?hospital )?patient care report|run sheet`, `run number|en route|at scene`},
		{"DEATH_RECORD", "18743-5", `autops(?:y|ies)(?: (?:report|protocol))?|death (?:summary|note|certificate)|certificate of death`, `cause of death|manner of death`},
		{"FACE_SHEET", "", `(?:admission record ?(?:/|and|-) ?)?face ?sheet|admission record|registration (?:form|record)|patient registration`, `next of kin|guarantor|religion|marital status`},
		{"INSURANCE", "64290-0", `insurance (?:card|information|form|verification)`, `member id|group no|subscriber`},
		{"CORRESPONDENCE", "51852-2", `authori[sz]ation (?:for|to) (?:release|disclose).*|subpoena.*|medical records? release.*|correspondence`, `dear dr|to whom it may concern|release of (?:medical )?(?:records|information)`},
		{"WORKERS_COMP", "52070-0", `(?:workers?'? comp(?:ensation)?|first report of injury)(?: .*)?`, `date of injury|employer|claim number`},
		{"OUTSIDE_RECORDS", "11503-0", `(?:outside|old|transferred) (?:medical )?records|records from .*`, `records received|previous facility`},
	}
}

// LOINC returns the code of a document type, "" for a local one.
func LOINC(code string) string {
	for _, t := range Types() {
		if t.Code == code {
			return t.LOINC
		}
	}
	return ""
}
