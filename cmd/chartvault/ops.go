package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"chartvault/record"
	"chartvault/web"
)

// request is what an operation is called with, here or over the API.
type request struct {
	Actor  record.Actor `json:"actor"`
	Params any          `json:"params"`
}

// asked is a request as an operation reads it.
type asked struct {
	Actor  record.Actor    `json:"actor"`
	Params json.RawMessage `json:"params"`
}

// params decodes an operation's parameters; unknown ones are errors.
func (r asked) params(v any) error {
	d := json.NewDecoder(bytes.NewReader(r.Params))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("parameters: %w: %w", record.ErrInvalid, err)
	}
	return nil
}

// op is one operation on an open archive.
type op func(a *app, ctx context.Context, r asked, out func(any) error) error

// operations is everything the command line, the pages and the API can do.
func operations() map[string]op {
	out := archiveOperations()
	maps.Copy(out, peopleOperations())
	maps.Copy(out, requestOps())
	return out
}

// archiveOperations are about what is filed: taking in, giving back, keeping and
// ending.
func archiveOperations() map[string]op {
	return map[string]op{
		"batches":             (*app).opBatches,
		"ingest":              (*app).opIngest,
		"get":                 (*app).opGet,
		"rest":                (*app).opRest,
		"search":              (*app).opSearch,
		"status":              (*app).opStatus,
		"servers":             (*app).opServers,
		"servers-forget":      (*app).opServersForget,
		"jobs":                (*app).opJobs,
		"verify":              (*app).opVerify,
		"rebuild":             (*app).opRebuild,
		"keys-list":           (*app).opKeysList,
		"keys-inspect":        (*app).opKeysInspect,
		"keys-export":         (*app).opKeysExport,
		"unlock":              (*app).opUnlock,
		"stations-card":       (*app).opStationsCard,
		"stations-list":       (*app).opStationsList,
		"stations-trust":      (*app).opStationsTrust,
		"stations-revoke":     (*app).opStationsRevoke,
		"stations-waiting":    (*app).opStationsWaiting,
		"stations-retry":      (*app).opStationsRetry,
		"stations-discard":    (*app).opStationsDiscard,
		"drill-begin":         (*app).opDrillBegin,
		"drill-end":           (*app).opDrillEnd,
		"qa-list":             (*app).opQAList,
		"qa-count":            (*app).opQACount,
		"qa-reject":           (*app).opQAReject,
		"thumbnails":          (*app).opThumbs,
		"batch-show":          (*app).opBatchShow,
		"batch-mark":          (*app).opBatchMark,
		"batch-reject":        (*app).opBatchReject,
		"qa-assign":           (*app).opQAAssign,
		"page":                (*app).opPage,
		"document":            (*app).opDocument,
		"sheets-print":        (*app).opSheetsPrint,
		"certificate-print":   (*app).opCertificatePrint,
		"import":              (*app).opImport,
		"import-folders":      (*app).opImportFolders,
		"import-look":         (*app).opImportLook,
		"import-begin":        (*app).opImportBegin,
		"import-go-on":        (*app).opImportGoOn,
		"import-stop":         (*app).opImportStop,
		"import-list":         (*app).opImportList,
		"import-rejects":      (*app).opImportRejects,
		"correct":             (*app).opCorrect,
		"correct-decide":      (*app).opCorrectDecide,
		"corrections":         (*app).opCorrections,
		"seen":                (*app).opSeen,
		"patients-import":     (*app).opPatients,
		"patients-find":       (*app).opPatientsFind,
		"patients-pull":       (*app).opPatientsPull,
		"patients-link":       (*app).opLink,
		"patients-unlink":     (*app).opUnlink,
		"patients-links":      (*app).opLinks,
		"qa-show":             (*app).opQAShow,
		"facts-import":        (*app).opFacts,
		"facts-show":          (*app).opFactsShow,
		"hold-place":          (*app).opHoldPlace,
		"hold-release":        (*app).opHoldRelease,
		"hold-list":           (*app).opHoldList,
		"retention-why":       (*app).opWhy,
		"retention-due":       (*app).opDue,
		"retention-due-count": (*app).opDueCount,
		"retention-evaluate":  (*app).opEvaluate,
		"retention-forecast":  (*app).opForecast,
		"retention-extend":    (*app).opExtend,
		"retention-canary":    (*app).opCanary,
		"retention-clock":     (*app).opClock,
		"schedule-draft":      (*app).opScheduleDraft,
		"schedule-list":       (*app).opScheduleList,
		"schedule-show":       (*app).opScheduleShow,
		"schedule-simulate":   (*app).opScheduleSimulate,
		"schedule-adopt":      (*app).opScheduleAdopt,
		"automation-ask":      (*app).opAutomationAsk,
		"automation-list":     (*app).opAutomationList,
		"plan-make":           (*app).opPlanMake,
		"plan-list":           (*app).opPlanList,
		"plan-show":           (*app).opPlanShow,
		"plan-exclude":        (*app).opPlanExclude,
		"plan-submit":         (*app).opPlanSubmit,
		"plan-notice":         (*app).opPlanNotice,
		"plan-cancel":         (*app).opPlanCancel,
		"plan-execute":        (*app).opPlanExecute,
		"certificate-list":    (*app).opCertificates,
		"paper-list":          (*app).opPaperList,
		"paper-lists":         (*app).opPaperLists,
		"paper-show":          (*app).opPaperShow,
		"paper-make":          (*app).opPaperMake,
		"paper-certify":       (*app).opPaperCertify,
		"paper-cancel":        (*app).opPaperCancel,
	}
}

// peopleOperations are about who may do what, who asks, and what was done.
func peopleOperations() map[string]op {
	return map[string]op{
		"audit-prove":       (*app).opProve,
		"users-put":         (*app).opUsersPut,
		"users-list":        (*app).opUsersList,
		"audit-list":        (*app).opAuditList,
		"access":            (*app).opAccess,
		"audit-verify":      (*app).opAuditVerify,
		"signed-in":         (*app).opSignedIn,
		"sign-in-refused":   (*app).opSignInRefused,
		"approver-add":      (*app).opApproverAdd,
		"approver-list":     (*app).opApproverList,
		"approver-enrol":    (*app).opApproverEnrol,
		"approve-here":      (*app).opApproveHere,
		"question":          (*app).opQuestion,
		"approve":           (*app).opApprove,
		"request-new":       (*app).opRequestNew,
		"request-list":      (*app).opRequestList,
		"request-show":      (*app).opRequestShow,
		"request-rules":     (*app).opRequestRules,
		"request-letter":    (*app).opRequestLetter,
		"request-hand":      (*app).opRequestHand,
		"disclosures":       (*app).opDisclosures,
		"disclosures-print": (*app).opDisclosuresPrint,
		"disclosure-note":   (*app).opDisclosureNote,
		"emergency-begin":   (*app).opEmergencyBegin,
		"emergency-list":    (*app).opEmergencyList,
		"emergency-review":  (*app).opEmergencyReview,
		"setup":             (*app).opSetup,
		"check":             (*app).opCheck,
		"support":           (*app).opSupport,
		"sessions-ended":    (*app).opSessionsEnded,
		"users-seen":        (*app).opUsersSeen,
		"saved-searches":    (*app).opSavedSearches,
		"saved-search-put":  (*app).opSavedSearchPut,
		"saved-search-drop": (*app).opSavedSearchDrop,
		"restriction-shut":  (*app).opRestrictionShut,
		"restriction-name":  (*app).opRestrictionName,
		"restriction-lift":  (*app).opRestrictionLift,
		"restriction-list":  (*app).opRestrictionList,
		"report":            (*app).opReport,
		"api-describe":      (*app).opAPIDescribe,
	}
}

// perform runs an operation in this process.
func (a *app) perform(ctx context.Context, name string, r request, f func(json.RawMessage) error) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return a.webOp(operations()[name])(ctx, b, func(v any) error {
		line, err := json.Marshal(v)
		if err != nil {
			return err
		}
		return f(line)
	})
}

// webOp makes an operation one of the API.
func (a *app) webOp(o op) web.Op {
	return func(ctx context.Context, in json.RawMessage, out func(any) error) error {
		var r asked
		if err := json.Unmarshal(in, &r); err != nil {
			return fmt.Errorf("request: %w: %w", record.ErrInvalid, err)
		}
		if r.Params == nil {
			r.Params = json.RawMessage("{}")
		}
		if err := a.follow(ctx); err != nil {
			return err
		}
		defer a.tell(ctx) // before whoever asked is told that it is done
		return o(a, ctx, r, out)
	}
}
