// Judges a log's files with the reference implementation of transparent logs, which is Go's: every entry hashed up to the signed root, every tile
// compared, inclusion and consistency proved from the tiles alone.
//
//	judge DIRECTORY VERIFIER-KEY [OLDER-CHECKPOINT]
package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

// files reads tiles as C2SP tlog-tiles lays them out.
type files string

func (dir files) read(tile tlog.Tile) ([]byte, error) {
	path := strings.Replace(tile.Path(), "tile/8/data/", "tile/entries/", 1)
	return os.ReadFile(filepath.Join(string(dir), strings.Replace(path, "tile/8/", "tile/", 1)))
}

func (dir files) Height() int { return height }

func (dir files) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		data, err := dir.read(tile)
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func (dir files) SaveTiles([]tlog.Tile, [][]byte) {}

func checkpoint(path string, verifiers note.Verifiers, origin string) (tlog.Tree, error) {
	var tree tlog.Tree
	text, err := os.ReadFile(path)
	if err != nil {
		return tree, err
	}
	opened, err := note.Open(text, verifiers)
	if err != nil {
		return tree, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != origin || lines[3] != "" {
		return tree, fmt.Errorf("not a checkpoint of %s: %q", origin, opened.Text)
	}
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return tree, err
	}
	tree.Hash, err = tlog.ParseHash(lines[2])
	return tree, err
}

// entries takes a bundle of so many entries apart.
func entries(bundle []byte, count int) ([][]byte, error) {
	var all [][]byte
	for len(bundle) > 0 {
		if len(bundle) < 2 || len(bundle)-2 < int(binary.BigEndian.Uint16(bundle)) {
			return nil, fmt.Errorf("a bundle that ends within an entry")
		}
		end := 2 + int(binary.BigEndian.Uint16(bundle))
		all = append(all, bundle[2:end])
		bundle = bundle[end:]
	}
	if len(all) != count {
		return nil, fmt.Errorf("a bundle of %d entries, not %d", len(all), count)
	}
	return all, nil
}

func judge(dir files, key string, older string) error {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return err
	}
	verifiers := note.VerifierList(verifier)
	tree, err := checkpoint(filepath.Join(string(dir), "checkpoint"), verifiers, verifier.Name())
	if err != nil {
		return err
	}

	// Whatever the reference reads from tiles is authenticated only on the way to what it looks for: so all is made anew from the entries.
	var hashes []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			found[i] = hashes[index]
		}
		return found, nil
	})
	var sampled = map[int64]tlog.Hash{}
	for first := int64(0); first < tree.N; first += 1 << height {
		width := tree.N - first
		if width > 1<<height {
			width = 1 << height
		}
		bundle, err := dir.read(tlog.Tile{H: height, L: -1, N: first >> height, W: int(width)})
		if err != nil {
			return err
		}
		all, err := entries(bundle, int(width))
		if err != nil {
			return err
		}
		for i, entry := range all {
			index := first + int64(i)
			more, err := tlog.StoredHashes(index, entry, reader)
			if err != nil {
				return err
			}
			hashes = append(hashes, more...)
			if index%997 == 0 || index == tree.N-1 {
				sampled[index] = tlog.RecordHash(entry)
			}
		}
	}
	root, err := tlog.TreeHash(tree.N, reader)
	if err != nil {
		return err
	}
	if root != tree.Hash {
		return fmt.Errorf("the entries hash to %v, the checkpoint says %v", root, tree.Hash)
	}
	tiles := tlog.NewTiles(height, 0, tree.N)
	for i, tile := range tiles {
		// Of an incomplete tile every width is listed; the last is that of this size, and the others need not be there any more.
		if i+1 < len(tiles) && tiles[i+1].L == tile.L && tiles[i+1].N == tile.N {
			continue
		}
		expected, err := tlog.ReadTileData(tile, reader)
		if err != nil {
			return err
		}
		found, err := dir.read(tile)
		if err != nil {
			return err
		}
		if !bytes.Equal(found, expected) {
			return fmt.Errorf("%s holds other hashes", tile.Path())
		}
	}

	fromTiles := tlog.TileHashReader(tree, dir)
	for index, leaf := range sampled {
		proof, err := tlog.ProveRecord(tree.N, index, fromTiles)
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, leaf); err != nil {
			return err
		}
	}
	if older != "" {
		old, err := checkpoint(older, verifiers, verifier.Name())
		if err != nil {
			return err
		}
		proof, err := tlog.ProveTree(tree.N, old.N, fromTiles)
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash); err != nil {
			return err
		}
	}
	fmt.Printf("%d entries, %d proofs, root %v\n", tree.N, len(sampled), tree.Hash)
	return nil
}

func main() {
	if len(os.Args) < 3 || len(os.Args) > 4 {
		fmt.Fprintln(os.Stderr, "judge DIRECTORY VERIFIER-KEY [OLDER-CHECKPOINT]")
		os.Exit(2)
	}
	older := ""
	if len(os.Args) == 4 {
		older = os.Args[3]
	}
	if err := judge(files(os.Args[1]), os.Args[2], older); err != nil {
		fmt.Fprintln(os.Stderr, "rejected:", err)
		os.Exit(1)
	}
}
