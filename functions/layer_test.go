package functions

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"slipway/functions/archive"
)

func (b *bench) layer(name string, s LayerSettings) Layer {
	b.Helper()
	l, err := b.PublishLayer(b.Context(), LayerRef{Account: owner, Name: name}, s, packed(b, "lib/"+name, name+s.Description))
	check(b, err)
	return l
}

func TestLayers(t *testing.T) {
	onBench(t, func(b *bench) {
		go1 := b.layer("tools", LayerSettings{Description: "first", License: "MIT", Runtimes: []string{"provided.al2023"}, Architectures: []string{"x86_64"}})
		b.layer("tools", LayerSettings{Description: "second", Runtimes: []string{"python3.11"}})
		b.layer("Base", LayerSettings{})
		if go1.Version != 1 || b.LayerARN(go1.Ref()) != "arn:aws:lambda:us-east-1:123456789012:layer:tools:1" || len(go1.CodeSha256()) != 44 || go1.Size == 0 {
			t.Errorf("published %+v", go1)
		}
		got, err := b.GetLayer(b.Context(), go1.Ref())
		check(t, err)
		if fmt.Sprint(got) != fmt.Sprint(go1) {
			t.Errorf("read %+v\nwant %+v", got, go1)
		}
		for _, c := range []struct {
			f     LayerFilter
			after string
			limit int
			want  string
		}{
			{LayerFilter{}, "", 10, "Base:1 tools:2"}, {LayerFilter{}, "Base", 10, "tools:2"}, {LayerFilter{}, "", 1, "Base:1"},
			{LayerFilter{Runtime: "provided.al2023"}, "", 10, "tools:1"}, {LayerFilter{Architecture: "x86_64", Runtime: "python3.11"}, "", 10, ""},
		} {
			list, err := b.Layers(b.Context(), owner, c.f, c.after, c.limit)
			if err != nil || names(list) != c.want {
				t.Errorf("%+v: %s, %v, want %s", c, names(list), err, c.want)
			}
		}
		for _, c := range []struct {
			f      LayerFilter
			before int64
			limit  int
			want   string
		}{{LayerFilter{}, 0, 10, "tools:2 tools:1"}, {LayerFilter{}, 2, 10, "tools:1"}, {LayerFilter{}, 0, 1, "tools:2"}, {LayerFilter{Runtime: "provided.al2023"}, 0, 1, "tools:1"}} {
			list, err := b.LayerVersions(b.Context(), LayerRef{Account: owner, Name: "tools"}, c.f, c.before, c.limit)
			if err != nil || names(list) != c.want {
				t.Errorf("%+v: %s, %v, want %s", c, names(list), err, c.want)
			}
		}
	})
}

func names(list []Layer) string {
	var all []string
	for _, l := range list {
		all = append(all, fmt.Sprint(l.Name, ":", l.Version))
	}
	return strings.Join(all, " ")
}

// A version that was deleted is nobody's to see or to have, and its number is nobody's; who has it keeps it.
func TestDeletedLayersStayWithWhoHasThem(t *testing.T) {
	onBench(t, func(b *bench) {
		l := b.layer("tools", LayerSettings{})
		arn := b.LayerARN(l.Ref())
		web := b.function("web", 0)
		layers := []string{arn}
		v, err := b.UpdateSettings(b.Context(), web, NewSettings{Layers: &layers, Edit: func(*Settings) {}}, Precondition{})
		check(t, err)
		if want := []LayerUse{{arn, l.Code, l.Size}}; !slices.Equal(v.Settings.Layers, want) {
			t.Errorf("the function has %v, want %v", v.Settings.Layers, want)
		}
		b.settle()
		for range 2 {
			check(t, b.DeleteLayer(b.Context(), l.Ref()))
		}
		_, err = b.GetLayer(b.Context(), l.Ref())
		says(t, err, ErrNoLayer, "The resource you requested does not exist.")
		if v, err = b.Version(b.Context(), web); err != nil || len(v.Settings.Layers) != 1 {
			t.Errorf("the function has %v, %v", v.Settings.Layers, err)
		}
		code, err := b.OpenCode(b.Context(), owner, l.Code)
		check(t, err)
		check(t, code.Close())
		_, err = b.UpdateSettings(b.Context(), b.function("api", 0), NewSettings{Layers: &layers, Edit: func(*Settings) {}}, Precondition{})
		says(t, err, ErrInput, "Layer version "+arn+" does not exist.")
		if next := b.layer("tools", LayerSettings{}); next.Version != 2 {
			t.Errorf("the next version is %d", next.Version)
		}
	})
}

func TestLayersThatAreRefused(t *testing.T) {
	onBench(t, func(b *bench) {
		l := b.layer("tools", LayerSettings{})
		b.layer("tools", LayerSettings{})
		_, err := b.PublishLayer(b.Context(), LayerRef{Account: owner, Name: "tools"}, LayerSettings{}, []byte("no zip"))
		says(t, err, archive.ErrFormat, "Could not unzip uploaded file.")
		_, err = b.PublishLayer(b.Context(), LayerRef{Account: owner, Name: "tools"}, LayerSettings{}, packed(b, "../out", ""))
		says(t, err, archive.ErrUnsafe, "")
		_, err = b.GetLayer(b.Context(), LayerRef{Account: owner, Name: "tools"})
		says(t, err, ErrInput, "Layer Version Cannot be less than 1")
		says(t, b.DeleteLayer(b.Context(), LayerRef{Account: owner, Name: "tools"}), ErrInput, "Layer Version Cannot be less than 1")
		web := b.function("web", 0)
		arn := b.LayerARN(l.Ref())
		for sentence, layers := range map[string][]string{
			"Two different versions of the same layer are not allowed": {arn, "arn:aws:lambda:us-east-1:123456789012:layer:tools:2"},
			"Layer version tools does not exist.":                      {"tools"},
			"arn:aws:lambda:eu-west-1:123456789012:layer:tools:1":      {"arn:aws:lambda:eu-west-1:123456789012:layer:tools:1"},
			"Cannot reference more than 5 layers.":                     {arn, arn, arn, arn, arn, arn},
		} {
			_, err := b.UpdateSettings(b.Context(), web, NewSettings{Layers: &layers, Edit: func(*Settings) {}}, Precondition{})
			says(t, err, ErrInput, sentence)
		}
		for _, name := range []string{"", "a b", "arn:aws:s3:::layer", "arn:aws:lambda:us-east-1:123456789012:function:f", "arn:aws:lambda:us-east-1:123456789012:layer:t:0", "arn:aws:lambda:us-east-1:123456789012:layer:t:x", strings.Repeat("x", 141)} {
			_, err := b.ParseLayer(owner, name)
			says(t, err, ErrForm, "")
		}
	})
}

func TestLayerPolicies(t *testing.T) {
	onBench(t, func(b *bench) {
		r := b.layer("tools", LayerSettings{}).Ref()
		_, _, err := b.LayerPolicy(b.Context(), r)
		says(t, err, ErrNoSetting, "No policy is associated with the given resource.")
		all := Permission{ID: "all", Action: "lambda:GetLayerVersion", Principal: "*", Organization: "o-a1b2c3d4e5"}
		statement, revision, err := b.AddLayerPermission(b.Context(), r, all, "")
		check(t, err)
		if want := `{"Sid":"all","Effect":"Allow","Principal":"*","Action":"lambda:GetLayerVersion","Resource":"` + b.LayerARN(r) + `","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}}`; statement != want {
			t.Errorf("added %s\nwant %s", statement, want)
		}
		policy, now, err := b.LayerPolicy(b.Context(), r)
		deciding, err2 := b.DecidingLayerPolicy(b.Context(), r)
		if err != nil || err2 != nil || now != revision || !strings.Contains(policy, statement) || deciding != policy {
			t.Errorf("%s, %s, %v; who decides reads %s, %v", policy, now, err, deciding, err2)
		}
		_, _, err = b.AddLayerPermission(b.Context(), r, all, revision)
		says(t, err, ErrThere, "The statement id (all) provided already exists.")
		says(t, b.RemoveLayerPermission(b.Context(), r, "all", "old"), ErrPrecondition, "Call the GetLayerPolicy API to retrieve the latest Revision Id")
		says(t, b.RemoveLayerPermission(b.Context(), r, "none", ""), ErrNoSetting, "Statement none is not found in resource policy.")
		check(t, b.RemoveLayerPermission(b.Context(), r, "all", revision))
		gone := LayerRef{owner, "tools", 9}
		_, _, err = b.AddLayerPermission(b.Context(), gone, all, "")
		says(t, err, ErrNoLayer, "Layer version arn:aws:lambda:us-east-1:123456789012:layer:tools:9 does not exist.")
		if policy, err := b.DecidingLayerPolicy(b.Context(), gone); policy != "" || err != nil {
			t.Errorf("of what is not there: %s, %v", policy, err)
		}
	})
}

// What is read as the name of a layer is what its ARN names, and nothing else is.
func FuzzParseLayer(f *testing.F) {
	for _, name := range []string{"tools", "arn:aws:lambda:us-east-1:123456789012:layer:tools", "arn:aws:lambda:us-east-1:123456789012:layer:tools:7", "arn:aws:lambda:us-east-1:123456789012:layer:tools:07", "arn:aws:lambda:::layer:", "layer:tools:1", ""} {
		f.Add(name)
	}
	c := &Control{config: Config{Region: "us-east-1"}}
	f.Fuzz(func(t *testing.T, name string) {
		r, err := c.ParseLayer(owner, name)
		if err != nil {
			return
		}
		again, err := c.ParseLayer(another, c.LayerARN(r))
		if err != nil || again != r {
			t.Errorf("%q is %+v, whose ARN %s is %+v, %v", name, r, c.LayerARN(r), again, err)
		}
	})
}
