package hybrid

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"

	"github.com/gormtenancy/tenancy"
)

// mover is one run of a move.
type mover struct {
	moveConfig

	in       *tenancy.Installation
	provider *provider
	moves    moves
	tenant   tenancy.Tenant
	from, to *side
	row      *movement
	tables   []*table
	report   MoveReport
	over     bool  // nothing is left of the move but to forget it
	flipped  error // what Flip returned, which is nobody's to change
}

func newMover(db *gorm.DB, t tenancy.Tenant, cfg moveConfig) (*mover, error) {
	in, err := tenancy.Installed(db)
	if err != nil {
		return nil, err
	}
	p, ok := in.Provider().(*provider)
	if !ok {
		return nil, configError("tenants are moved between the tiers of a hybrid, and the strategy is %q", in.Strategy())
	}
	m := &mover{moveConfig: cfg, in: in, provider: p, tenant: t, moves: moves{in: in, shared: p.SharedBinding(), lease: cfg.lease}}
	if _, err := in.Bind(t); err != nil {
		return nil, m.complete(err)
	}
	m.report.Tenant = t.ID
	return m, nil
}

// complete says whose an error of tenancy was, where it does not say so itself.
func (m *mover) complete(err error) error {
	known, ok := err.(*tenancy.Error)              //nolint:errorlint // one inside another error has said enough
	if !ok || known.Op != "" || err == m.flipped { //nolint:errorlint // the very error that Flip returned
		return err
	}
	named := *known
	named.Op, named.Tenant, named.Strategy = "move", m.tenant.ID, m.in.Strategy()
	return &named
}

// move begins a move, or takes one up where it ended.
func (m *mover) move(ctx context.Context, to string) error {
	target, err := m.leaf(to)
	if err != nil {
		return err
	}
	row, err := m.moves.take(ctx, m.tenant.ID)
	if err != nil {
		return err
	}
	if row == nil {
		return m.begin(ctx, target)
	}
	m.row = row
	defer func() { m.release(ctx) }()
	if row.Step == stepKept && row.FromTier == target { // back to where it was
		err = m.moves.change(ctx, row, map[string]any{"from_tier": row.ToTier, "to_tier": row.FromTier, "step": stepFreezing})
		row.FromTier, row.ToTier, row.Step = row.ToTier, row.FromTier, stepFreezing
		if err != nil {
			return err
		}
	}
	if row.ToTier != target {
		return &tenancy.Error{Kind: tenancy.ErrMoving, Detail: fmt.Sprintf("a move from %q to %q is at the step %q; run that one again, or see Abandon and Finish", row.FromTier, row.ToTier, row.Step)}
	}
	m.report.Resumed = row.Step
	return m.run(ctx)
}

// leaf finds the name of the tier that a name stands for: within a hybrid, the tenant's.
func (m *mover) leaf(name string) (string, error) {
	t := m.tenant
	t.Tier = name
	tier, err := m.provider.of(t)
	return tier.name, err
}

// begin begins a move, unless the tenant is there already.
func (m *mover) begin(ctx context.Context, to string) error {
	from, err := m.provider.of(m.tenant)
	if err != nil {
		return err
	}
	m.report.From, m.report.To = from.name, to
	if from.name == to {
		return nil
	}
	if err := m.sides(from.name, to); err != nil {
		return err
	}
	owned, err := m.in.Ordered()
	if err != nil {
		return err
	}
	taken, err := m.provider.rowsIn(ctx, to, m.tenant, owned)
	if err != nil {
		return err
	}
	if len(taken) > 0 {
		return &tenancy.Error{Kind: tenancy.ErrDrifted, Detail: fmt.Sprintf("%v already; if the tenant lives there, pass it with that Tier, and if those rows are not needed, destroy the tenant with that Tier", taken)}
	}
	if m.row, err = m.moves.start(ctx, m.tenant.ID, from.name, to); err != nil {
		return err
	}
	defer func() { m.release(ctx) }()
	return m.run(ctx)
}

func (m *mover) sides(from, to string) (err error) {
	m.report.From, m.report.To = from, to
	if m.from, err = m.provider.side(m.tenant, from); err != nil {
		return err
	}
	m.to, err = m.provider.side(m.tenant, to)
	return err
}

func (m *mover) release(ctx context.Context) {
	if m.row != nil {
		m.moves.release(ctx, m.row)
	}
}

// run does what is left of a move.
func (m *mover) run(ctx context.Context) error {
	if err := m.sides(m.row.FromTier, m.row.ToTier); err != nil {
		return err
	}
	return m.hold(ctx, func(ctx context.Context) error {
		switch m.row.Step {
		case stepFreezing, stepCopying:
			if err := m.reach(ctx); err != nil {
				return m.refuse(ctx, err)
			}
			fallthrough
		case stepFlipping:
			if err := m.turn(ctx); err != nil {
				return err
			}
		}
		m.report.Moved = true
		if m.row.Step == stepKept {
			m.report.Kept = true
			return nil
		}
		return m.clean(ctx)
	})
}

// reach makes the target equal to the source, which takes no writes from here on.
func (m *mover) reach(ctx context.Context) error {
	if err := m.prepare(ctx); err != nil {
		return err
	}
	if err := m.freeze(ctx); err != nil {
		return err
	}
	if err := m.step(ctx, stepCopying); err != nil {
		return err
	}
	if err := m.copy(ctx); err != nil {
		return err
	}
	if err := m.compare(ctx); err != nil {
		return err
	}
	return m.step(ctx, stepFlipping)
}

// refuse leaves the tenant as it was, where the reason is one that another run would meet again.
func (m *mover) refuse(ctx context.Context, err error) error {
	var known *tenancy.Error
	if !errors.As(err, &known) {
		return err
	}
	if undo := m.undo(ctx); undo != nil {
		return errors.Join(err, undo)
	}
	return err
}

// undo lets the source take writes again and removes the copy.
func (m *mover) undo(ctx context.Context) error {
	if err := m.each(ctx, m.from.language.thaw, m.from); err != nil && !errors.Is(err, tenancy.ErrNotProvisioned) {
		return err
	}
	mine, err := m.mine(ctx, m.to)
	switch {
	case err == nil && mine:
		err = m.remove(ctx, m.to)
	case err == nil && m.row.Step == stepCopying:
		err = m.empty(ctx, m.to)
	}
	if err != nil && !errors.Is(err, tenancy.ErrTenantMismatch) { // what is another's has no copy
		return err
	}
	m.over = true
	return nil
}

// mine reports whether a side has nothing but what moves and provisioning make: a database
// or a schema that was there before may have tables of the application's.
func (m *mover) mine(ctx context.Context, s *side) (bool, error) {
	owned, err := m.in.Ordered()
	if err != nil {
		return false, err
	}
	err = s.checkTables(ctx, owned)
	switch {
	case errors.Is(err, tenancy.ErrDrifted):
		return false, nil
	case errors.Is(err, tenancy.ErrNotProvisioned):
		return true, nil
	default:
		return err == nil, err
	}
}

// turn calls the application.
func (m *mover) turn(ctx context.Context) error {
	m.tell(MoveProgress{Step: stepFlipping})
	if m.flipped = m.flip(ctx, m.to.tenant); m.flipped != nil {
		return m.flipped
	}
	if m.keep {
		return m.step(ctx, stepKept)
	}
	return m.step(ctx, stepCleaning)
}

// clean removes the source.
func (m *mover) clean(ctx context.Context) error {
	m.tell(MoveProgress{Step: stepCleaning})
	if err := m.remove(ctx, m.from); err != nil {
		return err
	}
	m.over = true
	return nil
}

// hold runs fn while the move is this run's, and then forgets a move that is over: not
// before, as a beat that no longer finds its move takes it for lost.
func (m *mover) hold(ctx context.Context, fn func(ctx context.Context) error) error {
	err := m.moves.hold(ctx, m.row, fn)
	switch {
	case m.flipped != nil: // also of a move that is lost
		return m.flipped
	case !m.over, errors.Is(err, errLost):
		return err
	}
	forget := m.moves.remove(ctx, m.row)
	if forget == nil {
		m.row = nil
		return err
	}
	if err == nil {
		return forget
	}
	return errors.Join(err, forget)
}

func (m *mover) finish(ctx context.Context) error {
	row, err := m.moves.take(ctx, m.tenant.ID)
	if err != nil || row == nil {
		return err
	}
	m.row = row
	defer func() { m.release(ctx) }()
	if row.Step != stepKept && row.Step != stepCleaning {
		return &tenancy.Error{Kind: tenancy.ErrMoving, Detail: fmt.Sprintf("the move to %q is at the step %q; run it again first", row.ToTier, row.Step)}
	}
	if err := m.sides(row.FromTier, row.ToTier); err != nil {
		return err
	}
	return m.hold(ctx, func(ctx context.Context) error {
		if err := m.step(ctx, stepCleaning); err != nil {
			return err
		}
		return m.clean(ctx)
	})
}

func (m *mover) abandon(ctx context.Context) error {
	row, err := m.moves.take(ctx, m.tenant.ID)
	if err != nil || row == nil {
		return err
	}
	m.row = row
	defer func() { m.release(ctx) }()
	if row.Step != stepFreezing && row.Step != stepCopying {
		return &tenancy.Error{Kind: tenancy.ErrMoving, Detail: fmt.Sprintf("the move to %q is at the step %q: Flip was called, so the tenant may have written there; run Move again", row.ToTier, row.Step)}
	}
	if err := m.sides(row.FromTier, row.ToTier); err != nil {
		return err
	}
	return m.hold(ctx, m.undo)
}

// step records that a step begins.
func (m *mover) step(ctx context.Context, name string) error {
	err := m.moves.change(ctx, m.row, map[string]any{"step": name})
	if err == nil {
		m.row.Step = name
	}
	return err
}

func (m *mover) tell(p MoveProgress) {
	if m.progress != nil {
		m.progress(p)
	}
}
