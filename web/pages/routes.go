package pages

import "chartvault/accounts"

// Route is one thing that can be asked for. Right is what it takes; "" with
// Open is for whoever is not signed in, "" without it for whoever is.
type Route struct {
	Method, Path string
	Right        accounts.Right
	Open         bool
	do           func(v *visit) error

	Emergency bool // whoever broke the glass may as well
	Quiet     bool // pages ask for it by themselves: nobody is seen at the desk
	Large     bool // a file of many megabytes may come with it
	Slow      bool // it may read much before it answers, and is waited for
	Fresh     bool // whoever gave password and code too long ago gives them once more
}

// Routes is the table of all there is: what is not in it is not found, and what
// it does not allow is denied.
func (p *Pages) Routes() []Route {
	rs := append(signInRoutes(), []Route{
		row("POST", "/chart", accounts.OpenChart, false, (*visit).lookUp),
		row("GET", "/chart/{chart}", accounts.OpenChart, false, (*visit).chart),
		row("POST", "/chart/{chart}/search", accounts.SearchAll, false, (*visit).searchChart),
		row("GET", "/document/{document}", accounts.OpenChart, false, (*visit).document),
		fresh(row("POST", "/document/{document}/pdf", accounts.OpenChart, false, (*visit).pdf)),
		row("POST", "/document/{document}/correct", accounts.Correct, false, (*visit).correct),
		row("GET", "/image/{image}", "", false, (*visit).image),

		row("GET", "/search", accounts.SearchAll, false, (*visit).searchForm),
		row("POST", "/search", accounts.SearchAll, false, (*visit).search),
		row("POST", "/search/save", accounts.SearchAll, false, (*visit).saveSearch),
		row("POST", "/search/drop", accounts.SearchAll, false, (*visit).dropSearch),
		row("GET", "/search/{search}", accounts.SearchAll, false, (*visit).found),

		row("GET", "/qa", accounts.Settle, false, (*visit).queue),
		row("GET", "/qa/next", accounts.Settle, false, (*visit).next),
		row("GET", "/qa/{document}", accounts.Settle, false, (*visit).item),
		row("POST", "/qa/{document}", accounts.Settle, false, (*visit).settle),
		row("POST", "/qa/{document}/reject", accounts.Settle, false, (*visit).reject),
		row("POST", "/qa/{document}/people", accounts.Settle, false, (*visit).people),

		row("GET", "/corrections", accounts.Correct, false, (*visit).corrections),
		fresh(row("POST", "/corrections/{correction}", accounts.Correct, false, (*visit).decide)),

		row("GET", "/requests", accounts.AnswerAsks, false, (*visit).requests),
		row("GET", "/requests/new", accounts.AnswerAsks, false, (*visit).requestForm),
		row("POST", "/requests", accounts.AnswerAsks, false, (*visit).takeRequest),
		row("GET", "/requests/{request}", accounts.AnswerAsks, false, (*visit).request),
		row("GET", "/requests/{request}/pages/{document}", accounts.AnswerAsks, false, (*visit).requestDocument),
		row("POST", "/requests/{request}/{act}", accounts.AnswerAsks, false, (*visit).requestAct),
		row("POST", "/requests/{request}/letter", accounts.AnswerAsks, false, (*visit).letter),
		fresh(row("POST", "/requests/{request}/check", accounts.AnswerAsks, false, (*visit).checkRequest)),
		fresh(row("POST", "/requests/{request}/hand", accounts.AnswerAsks, false, (*visit).hand)),
		row("GET", "/disclosures", accounts.AnswerAsks, false, (*visit).disclosuresForm),
		row("POST", "/disclosures", accounts.AnswerAsks, false, (*visit).lookDisclosures),
		row("POST", "/disclosures/note", accounts.AnswerAsks, false, (*visit).noteDisclosure),
		row("GET", "/disclosures/{kept}", accounts.AnswerAsks, false, (*visit).disclosures),
		row("POST", "/disclosures/{kept}/print", accounts.AnswerAsks, false, (*visit).printDisclosures),

		row("GET", "/batches", accounts.SeeBatches, false, (*visit).batches),
		slow(row("GET", "/batches/{batch}", accounts.SeeBatches, false, (*visit).batch)),
		row("POST", "/batches/{batch}/{act}", accounts.SeeBatches, false, (*visit).batchAct),
		row("POST", "/batches/{batch}/reject", accounts.Settle, false, (*visit).rejectBatch),
		quiet(row("GET", "/batches/now", accounts.SeeBatches, false, (*visit).batchesNow)),
		row("GET", "/imports", accounts.Import, false, (*visit).imports),
		row("POST", "/imports", accounts.Import, false, (*visit).beginImport),
		row("POST", "/imports/look", accounts.Import, false, (*visit).lookImport),
		row("GET", "/imports/{import}", accounts.Import, false, (*visit).rejects),
		row("POST", "/imports/{import}/{act}", accounts.Import, false, (*visit).importAct),
		row("GET", "/sheets", accounts.SeeBatches, false, (*visit).sheetsForm),
		row("POST", "/sheets", accounts.SeeBatches, false, (*visit).sheets),
	}...)
	rs = append(rs, keepingRoutes()...)
	for i, r := range rs { // pages are looked at in an emergency, and nothing is saved or changed
		rs[i].Emergency = r.Path == "/chart" || r.Path == "/chart/{chart}" || r.Path == "/document/{document}"
	}
	return rs
}

// keepingRoutes are those of keeping, ending and watching.
func keepingRoutes() []Route {
	return []Route{
		row("GET", "/emergency", accounts.BreakGlass, false, (*visit).emergencyForm),
		fresh(row("POST", "/emergency", accounts.BreakGlass, false, (*visit).breakGlass)),
		row("GET", "/emergencies", accounts.ReviewGlass, false, (*visit).emergencies),
		fresh(row("POST", "/emergencies/{emergency}", accounts.ReviewGlass, false, (*visit).reviewEmergency)),
		row("GET", "/restrictions", accounts.Restrict, false, (*visit).restrictions),
		fresh(row("POST", "/restrictions", accounts.Restrict, false, (*visit).shut)),
		fresh(row("POST", "/restrictions/{restriction}/name", accounts.Restrict, false, (*visit).nameFor)),
		fresh(row("POST", "/restrictions/{restriction}/lift", accounts.Restrict, false, (*visit).lift)),
		row("GET", "/holds", accounts.SeeHolds, false, (*visit).holds),
		row("POST", "/holds", accounts.PlaceHold, false, (*visit).placeHold),
		row("GET", "/retention", accounts.SeeRetention, false, (*visit).retention),
		fresh(row("POST", "/retention/thaw", accounts.Approve, false, (*visit).thaw)),
		row("GET", "/plans", accounts.SeeRetention, false, (*visit).plans),
		row("POST", "/plans", accounts.ProposeEnds, false, (*visit).makePlan),
		row("GET", "/plans/{plan}", accounts.SeeRetention, false, (*visit).plan),
		row("POST", "/plans/{plan}/{act}", accounts.ProposeEnds, false, (*visit).planAct),
		fresh(row("POST", "/plans/{plan}/approve", accounts.Approve, false, (*visit).approvePlan)),
		row("GET", "/schedules", accounts.SeeRetention, false, (*visit).schedules),
		row("POST", "/schedules", accounts.SetSchedule, false, (*visit).draftSchedule),
		row("GET", "/schedules/{schedule}", accounts.SeeRetention, false, (*visit).schedule),
		slow(fresh(row("POST", "/schedules/{schedule}/{act}", accounts.SetSchedule, false, (*visit).scheduleAct))),
		fresh(row("POST", "/schedules/{schedule}/approve", accounts.Approve, false, (*visit).approveSchedule)),
		fresh(row("POST", "/holds/{hold}/release", accounts.ReleaseHold, false, (*visit).releaseHold)),
		fresh(row("POST", "/holds/{hold}/approve", accounts.Approve, false, (*visit).approveRelease)),
		fresh(row("POST", "/account/approver", accounts.Approve, false, (*visit).becomeApprover)),
		row("GET", "/automations", accounts.SeeRetention, false, (*visit).automations),
		fresh(row("POST", "/automations", accounts.SetSchedule, false, (*visit).askAutomation)),
		fresh(row("POST", "/automations/approve", accounts.Approve, false, (*visit).approveAutomation)),
		row("GET", "/paper", accounts.SeeRetention, false, (*visit).papers),
		slow(row("POST", "/paper", accounts.ProposeEnds, false, (*visit).makePaper)),
		slow(row("GET", "/paper/now", accounts.SeeRetention, false, (*visit).paperNow)),
		row("GET", "/paper/{paper}", accounts.SeeRetention, false, (*visit).paper),
		slow(fresh(row("POST", "/paper/{paper}/{act}", accounts.ProposeEnds, false, (*visit).paperAct))),
		fresh(row("POST", "/paper/{paper}/approve", accounts.Approve, false, (*visit).approvePaper)),
		row("GET", "/certificates", accounts.SeeRetention, false, (*visit).certificates),
		row("GET", "/certificates/{number}", accounts.SeeRetention, false, (*visit).certificate),
		slow(row("GET", "/audit", accounts.SeeAudit, false, (*visit).audit)),
		slow(row("POST", "/audit", accounts.SeeAudit, false, (*visit).verifyLog)),
		row("GET", "/access", accounts.SeeAccess, false, (*visit).accessForm),
		row("POST", "/access", accounts.SeeAccess, false, (*visit).askAccess),
		slow(row("GET", "/access/{kept}", accounts.SeeAccess, false, (*visit).access)),
		row("GET", "/reports", accounts.SeeReports, false, (*visit).reports),
		row("GET", "/health", accounts.SeeHealth, false, (*visit).health),
		slow(row("POST", "/health", accounts.SeeHealth, false, (*visit).checkAll)),
		slow(row("POST", "/health/support", accounts.SeeHealth, false, (*visit).support)),
		row("GET", "/site", accounts.SeeHealth, false, (*visit).site),
		fresh(row("POST", "/site/stations", accounts.KeepStations, false, (*visit).trustStation)),
		fresh(row("POST", "/site/stations/revoke", accounts.KeepStations, false, (*visit).revokeStation)),
		large(row("POST", "/patients", accounts.Import, false, (*visit).takePatients)),
		row("GET", "/users", accounts.KeepUsers, false, (*visit).users),
		fresh(row("POST", "/users/sessions", accounts.KeepUsers, false, (*visit).endSessions)),
		fresh(row("POST", "/users", accounts.KeepUsers, false, (*visit).putUser)),
	}
}

// signInRoutes are those of signing in, and of what is everybody's own.
func signInRoutes() []Route {
	return []Route{
		row("GET", "/signin", "", true, (*visit).signInForm),
		row("POST", "/signin", "", true, (*visit).signIn),
		row("GET", "/signin/outside", "", true, (*visit).signInOutside),
		row("GET", "/signin/back", "", true, (*visit).back),
		row("GET", "/setup", "", true, (*visit).setUpForm),
		row("POST", "/setup", "", true, (*visit).setUp),
		row("POST", "/signout", "", false, (*visit).signOut),
		row("GET", "/{$}", "", false, (*visit).home),
		row("GET", "/keys", "", false, (*visit).shortcuts),
		row("POST", "/keys", "", false, (*visit).setShortcuts),
		row("GET", "/account", "", false, (*visit).account),
		row("POST", "/account/factor", "", false, (*visit).enrol),
		row("POST", "/account/confirm", "", false, (*visit).confirm),
		fresh(row("POST", "/account/newkey", "", false, (*visit).newKey)),
		row("POST", "/account/key", "", false, (*visit).keepKey),
		fresh(row("POST", "/account/dropkey", "", false, (*visit).dropKey)),
		fresh(row("GET", "/account/link", "", false, (*visit).link)),
		fresh(row("POST", "/account/unlink", "", false, (*visit).unlink)),
		row("GET", "/tokens", "", false, (*visit).tokens),
		fresh(row("POST", "/tokens", "", false, (*visit).newToken)),
		row("POST", "/tokens/end", "", false, (*visit).endToken),
		row("GET", "/programs", "", false, (*visit).describe),
		row("GET", "/again", "", false, (*visit).againForm),
		row("POST", "/again", "", false, (*visit).again),
		row("GET", "/again/outside", "", false, (*visit).proveOutside),
	}
}

func row(method, path string, right accounts.Right, open bool, do func(*visit) error) Route {
	return Route{Method: method, Path: path, Right: right, Open: open, do: do}
}

// quiet marks what pages ask for by themselves.
func quiet(r Route) Route {
	r.Quiet = true
	return r
}

// slow marks what may read much before it answers.
func slow(r Route) Route {
	r.Slow = true
	return r
}

// large marks what a large file may come with.
func large(r Route) Route {
	r.Large = true
	return r
}

// fresh marks what must not happen at a desk that was left.
func fresh(r Route) Route {
	r.Fresh = true
	return r
}
