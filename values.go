package tenancy

import (
	"reflect"
	"sync"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"
)

// cleanPool hands out scan values that hold nothing. GORM keeps the values that rows are
// scanned into in pools that all models and statements have in common, and copies them
// to the destination even when a scan fails half way, by a cancelled context say: what
// was not scanned then is what an earlier statement, of another tenant, left there.
type cleanPool struct{ inner schema.FieldNewValuePool }

// Get implements schema.FieldNewValuePool.
func (p cleanPool) Get() any {
	value := p.inner.Get()
	switch v := value.(type) {
	case **string:
		*v = nil
	case **int64:
		*v = nil
	case **uint:
		*v = nil
	default:
		reflect.ValueOf(value).Elem().SetZero()
	}
	return value
}

// Put implements schema.FieldNewValuePool.
func (p cleanPool) Put(value any) { p.inner.Put(value) }

// freshPool makes a new value each time: for values that cannot be emptied.
type freshPool struct{ pool *sync.Pool }

// Get implements schema.FieldNewValuePool.
func (p freshPool) Get() any { return p.pool.New() }

// Put implements schema.FieldNewValuePool.
func (p freshPool) Put(any) {}

// cleanValues gives the fields of schemas clean pools, each schema once and before
// anybody scans with it.
type cleanValues struct{ done sync.Map } // *schema.Schema → func()

func (c *cleanValues) clean(s *schema.Schema) {
	once, known := c.done.Load(s)
	if !known {
		once, _ = c.done.LoadOrStore(s, sync.OnceFunc(func() {
			for _, field := range s.Fields {
				cleanField(field)
			}
		}))
	}
	once.(func())()
}

func cleanField(field *schema.Field) {
	switch pool := field.NewValuePool.(type) {
	case nil, cleanPool, freshPool:
	case *sync.Pool:
		if field.Serializer != nil {
			field.NewValuePool = freshPool{pool}
		} else {
			field.NewValuePool = cleanPool{pool}
		}
	default:
		field.NewValuePool = cleanPool{pool}
	}
}

// cleanDest cleans what a statement scans into where that is not its model.
func (c *cleanValues) cleanDest(stmt *gorm.Statement) {
	if stmt.Schema != nil {
		c.clean(stmt.Schema)
	}
	of := stmt.ReflectValue
	if !of.IsValid() {
		return
	}
	t := of.Type()
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Array || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || stmt.Schema != nil && t == stmt.Schema.ModelType {
		return
	}
	other := &gorm.Statement{DB: stmt.DB}
	if err := other.Parse(stmt.Dest); err == nil {
		c.clean(other.Schema)
	}
}
