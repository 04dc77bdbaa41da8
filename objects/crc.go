package objects

// combineCRC is the CRC of two runs of bytes from the CRC of each and the length of the second (zlib's method: to append n
// zero bytes to a message is a linear map of its CRC, and maps are squared as lengths are doubled).
func combineCRC(algorithm string, first, second uint64, length int64) uint64 {
	width, poly := 32, uint64(0xEDB88320)
	switch algorithm {
	case "CRC32C":
		poly = 0x82F63B78
	case "CRC64NVME":
		width, poly = 64, 0x9A6C9329AC4BC9B5
	}
	shift := make([]uint64, width) // appends one zero bit
	shift[0] = poly
	for i := 1; i < width; i++ {
		shift[i] = 1 << (i - 1)
	}
	for range 3 { // one zero byte
		shift = squared(shift)
	}
	for n := length; n > 0; n >>= 1 {
		if n&1 == 1 {
			first = apply(shift, first)
		}
		shift = squared(shift)
	}
	return first ^ second
}

// apply multiplies a vector of bits by a matrix of columns.
func apply(m []uint64, v uint64) uint64 {
	var out uint64
	for i := 0; v != 0; i, v = i+1, v>>1 {
		if v&1 == 1 {
			out ^= m[i]
		}
	}
	return out
}

func squared(m []uint64) []uint64 {
	out := make([]uint64, len(m))
	for i := range m {
		out[i] = apply(m, m[i])
	}
	return out
}
