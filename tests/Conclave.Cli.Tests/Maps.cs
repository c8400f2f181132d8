using System.Buffers;
using System.Text.Json;

namespace Conclave.Cli.Tests;

/// <summary><c>conclave map</c>: keys and values on stdout, everything else on stderr, and transfers that survive being ended.</summary>
public sealed class Maps
{
    [Fact]
    public async Task What_is_set_is_got_and_listed_until_it_is_deleted()
    {
        await using var sandbox = new Sandbox();
        var absent = await sandbox.RunAsync("map", "get", "m", "a/b");
        Assert.Equal((75, ""), (absent.ExitCode, absent.Out));
        Assert.Contains("there is no store sqlite:", absent.OnlyLine, StringComparison.Ordinal);
        Assert.False(File.Exists(sandbox.StorePath));
        await sandbox.RunAsync("map", "set", "m", "0", "1");
        Assert.Contains("no key 'a/b' in the map 'm'", (await sandbox.RunAsync("map", "get", "m", "a/b")).OnlyLine, StringComparison.Ordinal);
        await sandbox.RunAsync("map", "delete", "m", "0");

        // a number no double holds
        string revision = (await sandbox.RunAsync("map", "set", "m", "a/b", "{\"n\":340282366920938463463374607431768211455}")).Out.Trim();
        Assert.Equal("{\"n\":340282366920938463463374607431768211455}\n", (await sandbox.RunAsync("map", "get", "m", "a/b")).Out);
        await sandbox.RunAsync("map", "set", "m", "a", "it's \"so\"", "--text");
        Assert.Equal("it's \"so\"\n", (await sandbox.RunAsync("map", "get", "m", "a", "--text")).Out);
        Assert.Equal("\"it's \\\"so\\\"\"\n", (await sandbox.RunAsync("map", "get", "m", "a")).Out);
        Assert.Equal("a  it's \"so\"\na/b  {\"n\":340282366920938463463374607431768211455}\n", (await sandbox.RunAsync("map", "list", "m", "--text")).Out);
        Assert.StartsWith("{\"key\":\"a/b\"", (await sandbox.RunAsync("map", "list", "m", "--after", "a", "--json")).Out, StringComparison.Ordinal);
        Assert.Equal("", (await sandbox.RunAsync("map", "list", "m/a")).Out);

        var refused = await sandbox.RunAsync("map", "set", "m", "a/b", "1", "--revision", "0");
        Assert.Equal((75, ""), (refused.ExitCode, refused.Out));
        Assert.Equal(0, (await sandbox.RunAsync("map", "set", "m", "a/b", "1", "--revision", revision)).ExitCode);
        Assert.Equal(75, (await sandbox.RunAsync("map", "delete", "m", "a/b", "--revision", revision)).ExitCode);
        Assert.Equal((0, ""), (await sandbox.RunAsync("map", "delete", "m", "a/b")) is var deleted ? (deleted.ExitCode, deleted.Error) : default);
        Assert.Equal(75, (await sandbox.RunAsync("map", "delete", "m", "a/b")).ExitCode);
    }

    [Theory]
    [InlineData("which key?", "map", "get", "m")]
    [InlineData("which map?", "map", "list")]
    [InlineData("which value?", "map", "set", "m", "k")]
    [InlineData("give --text", "map", "set", "m", "k", "blue")]
    [InlineData("holds no null", "map", "set", "m", "k", " null ")]
    [InlineData("--revision 'x' is refused", "map", "delete", "m", "k", "--revision", "x")]
    [InlineData("--from-line '0' is refused", "map", "import", "m", "--from-line", "0")]
    [InlineData("the key 'x' is refused", "map", "set", "m", "x", "1", "--integer-keys")]
    [InlineData("which command?", "map")]
    public async Task Wrong_usage_is_told_before_anything_is_done(string message, params string[] arguments)
    {
        await using var sandbox = new Sandbox();
        var result = await sandbox.RunAsync(arguments);
        Assert.Equal((64, ""), (result.ExitCode, result.Out));
        Assert.Contains(message, result.OnlyLine, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Keys_of_a_map_of_integers_are_written_as_numbers()
    {
        await using var sandbox = new Sandbox();
        foreach (string key in (string[])["10", "9", "-10", "-9"])
        {
            Assert.Equal(0, (await sandbox.RunAsync("map", "set", "m", key, "0", "--integer-keys")).ExitCode);
        }

        Assert.Equal("-10  0\n-9  0\n9  0\n10  0\n", (await sandbox.RunAsync("map", "list", "m", "--integer-keys")).Out);
        await using var client = new ConclaveClient(new Sqlite.SqliteStore(sandbox.StorePath));
        Assert.Equal(0, (await client.Map<long, int>("m").GetAsync(-10))!.Value);
    }

    [Fact]
    public async Task Changes_are_watched_while_others_make_them()
    {
        await using var sandbox = new Sandbox();
        await sandbox.RunAsync("map", "set", "m", "a", "1");
        var all = sandbox.Start("map", "watch", "m", "--json");
        var one = sandbox.Start("map", "watch", "m", "b");
        Assert.Equal("a 1 set", Told(await all.ReadLineAsync()));
        Assert.EndsWith("absent  b", await one.ReadLineAsync(), StringComparison.Ordinal);
        await sandbox.RunAsync("map", "set", "m", "b", "[true]");
        Assert.Equal("b [true] set", Told(await all.ReadLineAsync()));
        Assert.EndsWith("set     b  [true]", await one.ReadLineAsync(), StringComparison.Ordinal);
        await sandbox.RunAsync("map", "delete", "m", "b");
        Assert.Equal("b  absent", Told(await all.ReadLineAsync()));
        Assert.EndsWith("absent  b", await one.ReadLineAsync(), StringComparison.Ordinal);
        Posix.Send(all.Id, Posix.Int);
        Posix.Send(one.Id, Posix.Int);
        Assert.Equal((130, 130), ((await all.FinishAsync()).ExitCode, (await one.FinishAsync()).ExitCode));

        static string Told(string line)
        {
            var change = JsonDocument.Parse(line).RootElement;
            return $"{change.GetProperty("key")} {(change.TryGetProperty("value", out var value) ? value.GetRawText() : "")} {change.GetProperty("change")}";
        }
    }

    [Fact]
    public async Task An_export_is_imported_byte_for_byte_also_what_is_no_json()
    {
        await using var sandbox = new Sandbox();
        await using var client = new ConclaveClient(new Sqlite.SqliteStore(sandbox.StorePath));
        byte[][] values = [[0xff, 0x00], "1.10"u8.ToArray(), "\"\\u00e4 ä <>\""u8.ToArray(), "{\"a\": [1e400, 12345678901234567890]}"u8.ToArray(), [], "{}{}"u8.ToArray()];
        string[] keys = ["", "\n\"", "a/b", "%", "\U00010000", "ä"];
        for (int i = 0; i < keys.Length; i++)
        {
            await client.Map<string, byte[]>("from", new Raw()).SetAsync(keys[i], values[i]);
        }

        var export = await sandbox.RunAsync("map", "export", "from");
        Assert.Equal("conclave: 6 entries exported.", export.OnlyLine);
        Assert.Equal("conclave: 6 entries imported, 0 were there already.", (await ImportAsync(sandbox, "to", export.Out)).OnlyLine);
        for (int i = 0; i < keys.Length; i++)
        {
            Assert.Equal(values[i], (await client.Map<string, byte[]>("to", new Raw()).GetAsync(keys[i]))!.Value);
        }

        var rest = await sandbox.RunAsync("map", "export", "from", "--after", "%", "--quiet");
        Assert.Equal(3, rest.Out.Count(c => c == '\n'));
        Assert.EndsWith(rest.Out, export.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"key\":\"y\"}", "it must have a \"value\"")]
    [InlineData("{\"key\":\"y\",\"value\":1", "it is no JSON from byte 21 on")]
    [InlineData("{\"key\":\"y\",\"key\":\"z\",\"value\":1}", "it must have one \"key\"")]
    [InlineData("{\"key\":\"y\",\"value\":1,\"base64\":\"\"}", "and one \"value\" or \"base64\"")]
    [InlineData("{\"key\":7,\"value\":1}", "give --integer-keys")]
    [InlineData("{\"storeKey\":\"y\",\"value\":1}", "it has a \"storeKey\"")]
    [InlineData("{\"value\":1}", "with a \"key\"")]
    [InlineData("{\"key\":\"y\",\"value\":null}", "holds no null")]
    [InlineData("{\"key\":\"y\",\"base64\":\"?\"}", "its base64 is none")]
    [InlineData("[1]", "with a \"key\"")]
    [InlineData("{\"key\":\"(long)\",\"value\":1}", "1024")]
    public async Task A_bad_line_is_named_and_all_before_it_are_imported(string bad, string message)
    {
        await using var sandbox = new Sandbox();
        bad = bad.Replace("(long)", new string('k', 1100), StringComparison.Ordinal);
        var result = await ImportAsync(sandbox, "m", $"{{\"key\":\"a\",\"value\":1}}\n\n{{\"key\":\"b\",\"value\":2}}\n{bad}\n{{\"key\":\"c\",\"value\":3}}\n");
        Assert.Equal(65, result.ExitCode);
        Assert.Contains("line 4 is refused", result.OnlyLine, StringComparison.Ordinal);
        Assert.Contains(message, result.OnlyLine, StringComparison.Ordinal);
        var listed = await sandbox.RunAsync("map", "list", "m");
        Assert.StartsWith("a  1\nb  2\n", listed.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("y  ", listed.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_import_goes_on_from_a_line_and_takes_the_last_of_equal_keys()
    {
        await using var sandbox = new Sandbox();
        var result = await ImportAsync(sandbox, "m", "x\nx\n{\"key\":\"c\",\"value\":3}\n{\"key\":\"c\",\"value\":4}", "--from-line", "3");
        Assert.Equal("conclave: 2 entries imported, 0 were there already.", result.OnlyLine);
        Assert.Equal("c  4\n", (await sandbox.RunAsync("map", "list", "m")).Out);
    }

    [Fact]
    public async Task Keys_and_values_that_look_like_options_stand_behind_dashes()
    {
        await using var sandbox = new Sandbox();
        Assert.Equal(0, (await sandbox.RunAsync("map", "set", "--text", "--", "m", "--json", "--revision")).ExitCode);
        Assert.Equal("--revision\n", (await sandbox.RunAsync("map", "get", "m", "--text", "--", "--json")).Out);
        Assert.Equal("-5\n", (await sandbox.RunAsync("counter", "add", "n", "--", "-5")).Out);
        Assert.Equal(64, (await sandbox.RunAsync("map", "list", "m", "--", "--frob")).ExitCode);
    }

    [Fact]
    public async Task A_watch_ends_when_its_reader_leaves_and_says_what_it_waits_for()
    {
        await using var sandbox = new Sandbox();
        var watch = await sandbox.Run("/bin/bash", ["-c", "\"$BINARY\" map watch m | true; echo ${PIPESTATUS[0]}"], []).FinishAsync();
        Assert.Equal("0\n", watch.Out);
        Assert.Contains("there was no store sqlite:", watch.OnlyLine, StringComparison.Ordinal);

        var away = sandbox.Start("leader", "watch", "e", "--store", "etcd://127.0.0.1:1");
        await away.Says("the store does not answer");
        Posix.Send(away.Id, Posix.Int);
        Assert.Equal(130, (await away.FinishAsync()).ExitCode);
    }

    [Fact]
    public async Task An_import_from_behind_the_end_is_refused()
    {
        await using var sandbox = new Sandbox();
        var result = await ImportAsync(sandbox, "m", "{\"key\":\"c\",\"value\":3}\n", "--from-line", "3");
        Assert.Equal(65, result.ExitCode);
        Assert.Contains("the input ends with line 1", result.OnlyLine, StringComparison.Ordinal);
        Assert.Equal(0, (await ImportAsync(sandbox, "m", "{\"key\":\"c\",\"value\":3}\n", "--from-line", "2")).ExitCode);
    }

    [Fact]
    public async Task Texts_that_cannot_be_written_stay_readable()
    {
        await using var sandbox = new Sandbox();
        const string half = "\"\\ud800\"";
        Assert.Equal(0, (await sandbox.RunAsync("map", "set", "m", "a", half)).ExitCode);
        Assert.Equal(0, (await ImportAsync(sandbox, "m", $"{{\"key\":\"b\",\"value\":{half}}}\n")).ExitCode);
        Assert.Equal(0, (await sandbox.RunAsync("map", "set", "m", "c", $"[1,\n{half}]")).ExitCode);
        Assert.Equal(half + "\n", (await sandbox.RunAsync("map", "get", "m", "a", "--text")).Out);
        Assert.Equal($"a  {half}\nb  {half}\nc  [1, {half}]\n", (await sandbox.RunAsync("map", "list", "m", "--text")).Out);
        Assert.Equal(3, (await sandbox.RunAsync("map", "export", "m")).Out.Count(c => c == '\n'));
    }

    [Fact]
    public async Task What_is_no_utf8_is_refused_and_where_others_stored_it_not_changed()
    {
        await using var sandbox = new Sandbox();
        foreach (string option in (string[])["", "--text"])
        {
            var refused = await sandbox.Run("/bin/bash", ["-c", $"printf '\"\\377\"' | \"$BINARY\" map set m k - {option}"], []).FinishAsync();
            Assert.Equal(65, refused.ExitCode);
            Assert.Contains("no UTF-8", refused.OnlyLine, StringComparison.Ordinal);
        }

        var line = await sandbox.Run("/bin/bash", ["-c", "printf '{\"key\":\"k\",\"value\":\"\\377\"}' | \"$BINARY\" map import m"], []).FinishAsync();
        Assert.Equal(65, line.ExitCode);
        Assert.Contains("line 1 is refused: it is no UTF-8", line.OnlyLine, StringComparison.Ordinal);
        await using var client = new ConclaveClient(new Sqlite.SqliteStore(sandbox.StorePath));
        await client.Map<string, byte[]>("m", new Raw()).SetAsync("k", [(byte)'"', 0xff, (byte)'"']);
        Assert.Equal("{\"key\":\"k\",\"base64\":\"Iv8i\"}\n", (await sandbox.RunAsync("map", "export", "m")).Out);
    }

    [Fact]
    public async Task What_is_no_key_of_such_a_map_is_told_when_it_is_exported()
    {
        await using var sandbox = new Sandbox();
        await sandbox.RunAsync("map", "set", "m", "word", "1");
        var export = await sandbox.RunAsync("map", "export", "m", "--integer-keys");
        Assert.StartsWith("{\"storeKey\":", export.Out, StringComparison.Ordinal);
        Assert.Contains("1 of them have a \"storeKey\"", export.Error, StringComparison.Ordinal);
        Assert.Contains("try without --integer-keys", export.Error, StringComparison.Ordinal);
        Assert.Equal(0, (await ImportAsync(sandbox, "n", "{\"key\":7,\"value\":1}\n", "--integer-keys")).ExitCode);
        Assert.Equal("7  1\n", (await sandbox.RunAsync("map", "list", "n", "--integer-keys")).Out);
    }

    [Fact]
    public async Task An_import_that_is_killed_is_run_again_and_writes_nothing_twice()
    {
        const int lines = 3000;
        await using var sandbox = new Sandbox();
        string[] all = [.. Enumerable.Range(0, lines).Select(i => $"{{\"key\":\"{i:D5}\",\"value\":{i}}}\n")];
        var first = sandbox.Start("map", "import", "m");
        var writing = Task.Run(async () =>
        {
            try
            {
                foreach (string line in all.Take(lines / 2))
                {
                    await first.WriteLineAsync(line.TrimEnd());
                }
            }
            catch (IOException)
            {
                // it was killed before it had read everything
            }
        });
        await Eventually.True(async () => await CountAsync() >= 64, "some entries are imported");
        Posix.Send(first.Id, Posix.Kill);
        await first.FinishAsync();
        await writing;
        int before = await CountAsync();
        Assert.InRange(before, 64, lines / 2);
        string revision = Revision((await sandbox.RunAsync("map", "get", "m", "00000", "--json")).Out);

        var again = await ImportAsync(sandbox, "m", string.Concat(all));
        Assert.Equal($"conclave: {lines - before:N0} entries imported, {before:N0} were there already.", again.OnlyLine);
        Assert.Equal(revision, Revision((await sandbox.RunAsync("map", "get", "m", "00000", "--json")).Out));
        Assert.Equal(string.Concat(all), (await sandbox.RunAsync("map", "export", "m")).Out);

        async Task<int> CountAsync() => (await sandbox.RunAsync("map", "list", "m")).Out.Count(c => c == '\n');
        static string Revision(string line) => JsonDocument.Parse(line).RootElement.GetProperty("revision").GetRawText();
    }

    [Fact]
    public async Task An_interrupted_import_says_where_to_go_on()
    {
        await using var sandbox = new Sandbox();
        var import = sandbox.Start("map", "import", "m");
        for (int i = 1; i <= 40; i++)
        {
            await import.WriteLineAsync($"{{\"key\":\"{i}\",\"value\":{i}}}");
        }

        await Eventually.True(async () => (await sandbox.RunAsync("map", "get", "m", "32")).ExitCode == 0, "a batch is imported");
        Posix.Send(import.Id, Posix.Int);
        var result = await import.FinishAsync();
        Assert.Equal(130, result.ExitCode);
        Assert.Contains("32 entries imported", result.OnlyLine, StringComparison.Ordinal);
        Assert.Contains("go on with --from-line 33", result.OnlyLine, StringComparison.Ordinal);
    }

    private static async Task<CliResult> ImportAsync(Sandbox sandbox, string name, string lines, params string[] arguments)
    {
        var import = sandbox.Start(["map", "import", name, .. arguments]);
        await import.Input.WriteAsync(lines);
        import.Input.Close();
        return await import.FinishAsync();
    }

    private sealed class Raw : IMapSerializer<byte[]>
    {
        public void Serialize(byte[] value, IBufferWriter<byte> writer) => writer.Write(value);

        public byte[] Deserialize(ReadOnlyMemory<byte> bytes) => bytes.ToArray();
    }
}
