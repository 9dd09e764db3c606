package hybrid

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"math"
	"math/bits"
	"time"
)

// checksum is the sum of the SHA-256 of rows, so it does not depend on their order, in which
// two tables may differ for reasons of collation. A row that is there twice counts twice.
type checksum struct {
	rows int64
	sum  [4]uint64 // 256 bits, the lowest first
}

func (c *checksum) add(rows batch) error {
	h := sha256.New()
	var of [sha256.Size]byte
	for _, row := range rows {
		h.Reset()
		for _, value := range row {
			if err := encode(h, value); err != nil {
				return err
			}
		}
		h.Sum(of[:0])
		var carry uint64
		for i := range c.sum {
			c.sum[i], carry = bits.Add64(c.sum[i], binary.LittleEndian.Uint64(of[8*i:]), carry)
		}
		c.rows++
	}
	return nil
}

func (c *checksum) String() string {
	var text [sha256.Size]byte
	for i, part := range c.sum {
		binary.BigEndian.PutUint64(text[8*(len(c.sum)-1-i):], part)
	}
	return hex.EncodeToString(text[:])
}

// encode writes a value so that no two differ and look alike: its type, its length, and
// itself.
func encode(h hash.Hash, value any) error {
	switch v := value.(type) {
	case nil:
		write(h, 'n', nil)
	case int64:
		write(h, 'i', binary.BigEndian.AppendUint64(nil, uint64(v))) //nolint:gosec // the bits are meant
	case float64:
		write(h, 'f', binary.BigEndian.AppendUint64(nil, math.Float64bits(v)))
	case bool:
		write(h, 'o', fmt.Append(nil, v))
	case string:
		write(h, 's', []byte(v))
	case []byte:
		write(h, 'b', v)
	case time.Time:
		write(h, 't', v.UTC().AppendFormat(nil, time.RFC3339Nano))
	default:
		return fmt.Errorf("the driver returned a %T, which no checksum is known for", value)
	}
	return nil
}

func write(h hash.Hash, kind byte, value []byte) {
	header := binary.BigEndian.AppendUint64([]byte{kind}, uint64(len(value)))
	_, _ = h.Write(header) // a hash never fails
	_, _ = h.Write(value)
}
