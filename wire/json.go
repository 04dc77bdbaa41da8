package wire

import (
	"reflect"
	"strconv"
	"time"
	"unsafe"

	"bothy/wire/item"
	"bothy/wire/jsoncur"
)

var appendEpoch = jsoncur.AppendEpoch

func pointerOf(v any) unsafe.Pointer { return reflect.ValueOf(v).UnsafePointer() }

// decodeJSON reads an object into the structure at base; unknown members are passed over, as AWS does.
func (p *plan) decodeJSON(d *jsoncur.Decoder, base unsafe.Pointer) {
	if !d.Open('{') {
		return
	}
	for d.More('}') {
		name := d.Key()
		if d.Null() {
			continue
		}
		if f := p.byName[name]; f != nil {
			f.typ.decodeJSON(d, f.typ.make(unsafe.Add(base, f.offset)))
		} else {
			d.Skip()
		}
	}
}

func (t *typ) decodeJSON(d *jsoncur.Decoder, at unsafe.Pointer) {
	switch t.kind {
	case kString:
		*(*string)(at) = d.Str()
	case kInt32:
		*(*int32)(at) = int32(d.Int(32))
	case kInt64:
		*(*int64)(at) = d.Int(64)
	case kBool:
		*(*bool)(at) = d.Bool()
	case kFloat:
		*(*float64)(at) = d.Float()
	case kTime:
		*(*time.Time)(at) = d.Time()
	case kBytes:
		*(*[]byte)(at) = d.Bytes()
	case kStruct:
		t.plan.decodeJSON(d, at)
	case kItem:
		(*item.Item)(at).DecodeJSON(d)
	case kValue:
		(*item.Value)(at).DecodeJSON(d)
	case kDocument:
		*(*Document)(at) = Document(d.Raw())
	case kList:
		t.decodeList(d, at)
	case kMap:
		if !d.Open('{') {
			return
		}
		reflect.NewAt(t.rtype, at).Elem().Set(reflect.MakeMap(t.rtype))
		for d.More('}') {
			k := d.Key()
			if !d.Null() {
				t.put(at, k, func(e unsafe.Pointer) { t.elem.decodeJSON(d, e) })
			}
		}
	default:
		d.Skip()
	}
}

func (t *typ) decodeList(d *jsoncur.Decoder, at unsafe.Pointer) {
	if !d.Open('[') {
		return
	}
	v := reflect.NewAt(t.rtype, at).Elem()
	v.Set(reflect.MakeSlice(t.rtype, 0, 4))
	for d.More(']') {
		if d.Null() {
			continue
		}
		t.elem.decodeJSON(d, t.grow(at))
	}
}

// open gives the items that the structure at base lists in their JSON form their attributes: for who calls in process.
func (p *plan) open(base unsafe.Pointer) (err error) {
	for _, f := range p.fields {
		if f.typ.kind != kList || f.typ.elem.kind != kItem {
			continue
		}
		items := *(*[]item.Item)(unsafe.Add(base, f.offset))
		for i := range items {
			if items[i], err = items[i].Open(); err != nil {
				return err
			}
		}
	}
	return nil
}

// appendJSON writes the body members of the structure at base.
func (p *plan) appendJSON(b []byte, base unsafe.Pointer) []byte {
	b = append(b, '{')
	for _, f := range p.fields {
		at := unsafe.Add(base, f.offset)
		if f.loc == inBody && f.typ.present(at) && f.typ.kind != kReader && f.typ.kind != kEvents {
			b = f.typ.appendJSON(jsoncur.AppendName(b, f.quoted), f.typ.at(at), f.ts)
		}
	}
	return append(b, '}')
}

func (t *typ) appendJSON(b []byte, at unsafe.Pointer, ts string) []byte {
	switch t.kind {
	case kString:
		return jsoncur.AppendString(b, *(*string)(at))
	case kInt32:
		return strconv.AppendInt(b, int64(*(*int32)(at)), 10)
	case kInt64:
		return strconv.AppendInt(b, *(*int64)(at), 10)
	case kBool:
		return strconv.AppendBool(b, *(*bool)(at))
	case kFloat:
		return jsoncur.AppendFloat(b, *(*float64)(at))
	case kTime:
		if ts == "" || ts == "unixTimestamp" {
			return appendEpoch(b, *(*time.Time)(at))
		}
		return append(formatTime(append(b, '"'), *(*time.Time)(at), ts, ""), '"')
	case kBytes:
		return jsoncur.AppendBytes(b, *(*[]byte)(at))
	case kStruct:
		return t.plan.appendJSON(b, at)
	case kItem:
		return (*(*item.Item)(at)).AppendJSON(b)
	case kValue:
		return (*item.Value)(at).AppendJSON(b)
	case kDocument:
		return append(b, *(*Document)(at)...)
	case kList:
		b = append(b, '[')
		if t.elem.kind == kItem { // there may be thousands
			for _, it := range *(*[]item.Item)(at) {
				b = it.AppendJSON(jsoncur.AppendComma(b))
			}
			return append(b, ']')
		}
		t.each(at, func(_ int, e unsafe.Pointer) { b = t.elem.appendJSON(jsoncur.AppendComma(b), e, ts) })
		return append(b, ']')
	case kMap:
		b = append(b, '{')
		first := true
		t.eachEntry(at, func(k string, e unsafe.Pointer) {
			if !first {
				b = append(b, ',')
			}
			first = false
			b = t.elem.appendJSON(append(jsoncur.AppendString(b, k), ':'), e, ts)
		})
		return append(b, '}')
	}
	return append(b, "null"...)
}
