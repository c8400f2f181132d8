namespace Conclave.Cli.Tests;

/// <summary>One line, the right exit code, and no lock left behind.</summary>
public sealed class BadInput
{
    public static TheoryData<int, string, string[]> Lines => new()
    {
        { ExitCode.Usage, "at least one character", ["lock", "", "--", "true"] },
        { ExitCode.Usage, "256 UTF-8 bytes", ["lock", new string('x', 10_000), "--", "true"] },
        { ExitCode.Usage, "control characters", ["lock", "a\tb", "--", "true"] },
        { ExitCode.Usage, "control characters", ["status", "a\nb"] },
        { ExitCode.Usage, "which lock?", ["lock"] },
        { ExitCode.Usage, "which command?", ["lock", "x"] },
        { ExitCode.Usage, "which command?", ["lock", "x", "--"] },
        { ExitCode.Usage, "conclave lock x -- ls -l", ["lock", "x", "ls", "-l"] },
        { ExitCode.Usage, "'y'", ["lock", "x", "y", "--", "true"] },
        { ExitCode.Usage, "'--frob'", ["lock", "x", "--frob", "--", "true"] },
        { ExitCode.Usage, "no command 'frob'", ["frob"] },
        { ExitCode.Usage, "no option '--frob'", ["--frob"] },
        { ExitCode.Usage, "which command?", [] },
        { ExitCode.Usage, "--ttl", ["lock", "x", "--ttl", "--", "true"] },
        { ExitCode.Usage, "from 2s to 10m", ["lock", "x", "--ttl", "0s", "--", "true"] },
        { ExitCode.Usage, "'-5s'", ["lock", "x", "--ttl", "-5s", "--", "true"] },
        { ExitCode.Usage, "from 2s to 10m", ["lock", "x", "--ttl", "87600h", "--", "true"] },
        { ExitCode.Usage, "from 2s to 10m", ["lock", "x", "--ttl", "1999ms", "--", "true"] },
        { ExitCode.Usage, "from 2s to 10m", ["lock", "x", "--ttl", "10m1s", "--", "true"] },
        { ExitCode.Usage, "10s, 1m30s", ["lock", "x", "--ttl", "10", "--", "true"] },
        { ExitCode.Usage, "less than --ttl", ["lock", "x", "--grace", "15s", "--", "true"] },
        { ExitCode.Usage, "more than zero", ["lock", "x", "--wait", "0s", "--", "true"] },
        { ExitCode.Usage, "exclude each other", ["lock", "x", "--wait", "1s", "--try", "--", "true"] },
        { ExitCode.Usage, "--label", ["lock", "x", "--label", "a\nb", "--", "true"] },
        { ExitCode.Usage, "runs no command", ["status", "--", "true"] },
        { ExitCode.Usage, "runs no command", ["store", "check", "--", "true"] },
        { ExitCode.Usage, "Give it once", ["store", "check", "memory:", "--store", "memory:"] },
        { ExitCode.Usage, "conclave store check", ["store"] },
        { ExitCode.Configuration, "no scheme", ["store", "check", "nowhere"] },
        { ExitCode.Usage, "how many permits", ["semaphore", "x", "--", "true"] },
        { ExitCode.Usage, "a number from 1", ["semaphore", "x", "--permits", "0", "--", "true"] },
        { ExitCode.Usage, "a number from 1", ["semaphore", "x", "--permits", "-1", "--", "true"] },
        { ExitCode.Usage, "only 2 permits", ["semaphore", "x", "--permits", "2", "--count", "3", "--", "true"] },
        { ExitCode.Usage, "to read or to write", ["rwlock", "x", "--", "true"] },
        { ExitCode.Usage, "to read or to write", ["rwlock", "x", "--read", "--write", "--", "true"] },
        { ExitCode.Usage, "which election?", ["elect"] },
        { ExitCode.Usage, "which counter?", ["counter", "add"] },
        { ExitCode.Usage, "no number", ["counter", "add", "x", "many"] },
        { ExitCode.Usage, "conclave group join", ["group"] },
        { ExitCode.Usage, "'group frob'", ["group", "frob"] },
        { ExitCode.Usage, "no command 'frob'", ["frob", "--help"] },
        { ExitCode.Usage, "'group frob'", ["group", "frob", "--help"] },
        { ExitCode.Usage, "'--wait'", ["group", "join", "g", "--wait", "1s", "--", "true"] },
        { ExitCode.Usage, "no option '--frob'", ["counter", "add", "n", "--frob"] },
        { ExitCode.Usage, "no option '--frob'", ["lock", "--frob", "--", "true"] },
        { ExitCode.Usage, "from 1 to 2147483647", ["semaphore", "x", "--permits", "2147483648", "--", "true"] },
        { ExitCode.CommandNotFound, "Nothing was acquired", ["own", "x", "--", "no-such-command"] },
        { ExitCode.Usage, "which shell?", ["completion"] },
        { ExitCode.Usage, "'tcsh'", ["completion", "tcsh"] },
        { ExitCode.CommandNotFound, "not in PATH", ["lock", "x", "--", "no-such-command"] },
        { ExitCode.CommandNotFound, "no such file", ["lock", "x", "--", "./no-such-file"] },
        { ExitCode.CommandNotFound, "empty", ["lock", "x", "--", ""] },
        { ExitCode.NotExecutable, "not executable", ["lock", "x", "--", "/etc/passwd"] },
        { ExitCode.NotExecutable, "directory", ["lock", "x", "--", "/tmp"] },
        { ExitCode.Configuration, "'foo'", ["lock", "x", "--store", "foo:bar", "--", "true"] },
        { ExitCode.Configuration, "scheme", ["lock", "x", "--store", "./x.db", "--", "true"] },
        { ExitCode.Configuration, "option", ["lock", "x", "--store", "sqlite:x.db?a=b", "--", "true"] },
        { ExitCode.Configuration, "not an SQLite database", ["lock", "x", "--store", "sqlite:text.txt", "--", "true"] },
        { ExitCode.Configuration, "not an SQLite database", ["status", "--store", "sqlite:text.txt"] },
        { ExitCode.CannotCreateStore, "create it first", ["lock", "x", "--store", "sqlite:no/such/directory/x.db", "--", "true"] },
        { ExitCode.CannotCreateStore, "cannot be created", ["lock", "x", "--store", "sqlite:/proc/x.db", "--", "true"] },
    };

    [Theory]
    [MemberData(nameof(Lines))]
    public async Task Is_refused_in_one_line(int exitCode, string expected, string[] arguments)
    {
        await using var sandbox = new Sandbox();
        await File.WriteAllTextAsync(sandbox.PathOf("text.txt"), string.Concat(Enumerable.Repeat("just a text file\n", 100)));
        var result = await sandbox.RunAsync(arguments);
        Assert.Equal((exitCode, ""), (result.ExitCode, result.Out));
        Assert.Contains(expected, result.OnlyLine, StringComparison.Ordinal);
        Assert.False(File.Exists(sandbox.StorePath));
    }

    [Fact]
    public async Task A_missing_interpreter_is_127_and_releases_the_lock()
    {
        await using var sandbox = new Sandbox();
        string script = sandbox.Script("broken", "#!/no/such/interpreter\n");
        var result = await sandbox.RunAsync("lock", "x", "--", script);
        Assert.Equal(ExitCode.CommandNotFound, result.ExitCode);
        Assert.Contains("interpreter", result.OnlyLine, StringComparison.Ordinal);
        Assert.Equal(0, (await sandbox.RunAsync("lock", "x", "--try", "--", "true")).ExitCode);
    }

    [Fact]
    public async Task Without_a_place_for_the_default_store_it_says_what_to_set()
    {
        await using var sandbox = new Sandbox();
        var homeless = await sandbox.Run(Sandbox.Binary, ["lock", "x", "--", "true"], [("CONCLAVE_STORE", null), ("XDG_STATE_HOME", null), ("HOME", null)]).FinishAsync();
        Assert.Equal(ExitCode.Configuration, homeless.ExitCode);
        Assert.Contains("--store", homeless.OnlyLine, StringComparison.Ordinal);

        var readOnly = await sandbox.Run(Sandbox.Binary, ["lock", "x", "--", "true"], [("CONCLAVE_STORE", null), ("XDG_STATE_HOME", "/proc/no")]).FinishAsync();
        Assert.Equal(ExitCode.CannotCreateStore, readOnly.ExitCode);
        Assert.Contains("--store", readOnly.OnlyLine, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Errors_are_json_when_json_is_asked_for()
    {
        await using var sandbox = new Sandbox();
        var result = await sandbox.RunAsync("lock", "x", "--json", "--store", "foo:", "--", "true");
        var error = System.Text.Json.JsonDocument.Parse(result.Error).RootElement;
        Assert.Equal(("error", 78), (error.GetProperty("event").GetString(), error.GetProperty("exitCode").GetInt32()));
    }
}
