package tenancy

// ownTexts, sharedTexts and migratorTexts are the last look at what is sent on a route: for
// owned models and raw SQL, for shared models, and for the migrator, whose texts carry
// physical names already and read the database's catalog.
type (
	ownTexts      struct{ *route }
	sharedTexts   struct{ *route }
	migratorTexts struct{ *route }
)

// Inspect implements routing.Watch.
func (w ownTexts) Inspect(query string, built bool, args []any) (string, error) {
	return w.inspect(query, built, args)
}

// Explain implements routing.Watch.
func (w ownTexts) Explain(err error) error { return w.explain(err) }

// Inspect implements routing.Watch.
func (w sharedTexts) Inspect(query string, built bool, _ []any) (string, error) {
	return w.inspectShared(query, built)
}

// Explain implements routing.Watch.
func (sharedTexts) Explain(err error) error { return err }

// Inspect implements routing.Watch.
func (migratorTexts) Inspect(query string, _ bool, _ []any) (string, error) { return query, nil }

// Explain implements routing.Watch.
func (w migratorTexts) Explain(err error) error { return w.explain(err) }
