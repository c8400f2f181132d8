using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace Conclave.Servers;

/// <summary>Where the servers of this machine are; <c>eng/servers</c> fetches them.</summary>
public static class ServerBinaries
{
    /// <summary>The environment variable that names the folder of the servers.</summary>
    public const string FolderVariable = "CONCLAVE_SERVERS";

    /// <summary>The environment variable that, set to 1, makes tests fail that would be skipped.</summary>
    public const string RequireVariable = "CONCLAVE_REQUIRE_SERVERS";

    private static readonly Dictionary<string, string> Programs = new()
    {
        ["etcd-3.4"] = "etcd",
        ["etcd-3.5"] = "etcd",
        ["consul-1.8"] = "consul",
        ["redis-7.0"] = "redis-server",
        ["valkey-8.0"] = "valkey-server",
        ["postgresql-15"] = "postgres",
        ["chrony-4"] = "chronyd",
    };

    private static readonly ConcurrentDictionary<string, ServerBinary?> Found = new();

    /// <summary>All names that <see cref="Require"/> and <c>eng/servers</c> know.</summary>
    public static IReadOnlyCollection<string> Names => Programs.Keys;

    /// <summary>Finds a server in the folder of the servers, or, in the right version, on PATH.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <returns>Null if it is not here.</returns>
    public static ServerBinary? Find(string name) =>
        Programs.TryGetValue(name, out string? program)
            ? Found.GetOrAdd(name, n => Search(n, program))
            : throw new ArgumentException($"No server is called '{name}'; these are: {string.Join(", ", Names)}.", nameof(name));

    /// <summary>Finds a server that a test cannot do without.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <returns>Where it is.</returns>
    /// <exception cref="ServerMissingException">It is not here: xunit.v3 skips the test.</exception>
    /// <exception cref="InvalidOperationException">It is not here, and CONCLAVE_REQUIRE_SERVERS is 1: the test fails.</exception>
    public static ServerBinary Require(string name) => Require(name, Find(name), Environment.GetEnvironmentVariable(RequireVariable) == "1");

    internal static ServerBinary Require(string name, ServerBinary? found, bool mustBeHere)
    {
        if (found is not null)
        {
            return found;
        }

        string message = $"{name.Replace('-', ' ')} is not here; run eng/servers {name}";
        throw mustBeHere ? new InvalidOperationException(message) : new ServerMissingException(message);
    }

    internal static ServerBinary? Search(string name, string program)
    {
        if (!OperatingSystem.IsLinux())
        {
            return null;
        }

        foreach (string root in Roots().Where(Directory.Exists))
        {
            string? fetched = Directory.EnumerateDirectories(root, name + "*")
                .Where(folder => Path.GetFileName(folder)[name.Length..] is "" or ['.' or '-', ..])
                .FirstOrDefault(folder => File.Exists(Path.Combine(folder, "bin", program)));
            if (fetched is not null)
            {
                string libraries = Path.Combine(fetched, "lib");
                return new(name, Path.Combine(fetched, "bin")) { Libraries = Directory.Exists(libraries) ? libraries : null };
            }
        }

        string version = name[(name.IndexOf('-', StringComparison.Ordinal) + 1)..];
        string[] known = [$"/usr/lib/postgresql/{version}/bin", "/usr/local/bin", "/usr/bin", "/usr/sbin"];
        return (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Where(Path.IsPathRooted).Concat(known)
            .Select(folder => Path.Combine(folder, program))
            .Where(file => File.Exists(file) && Regex.IsMatch(VersionOf(file), $@"^[^0-9]*[^0-9.]{Regex.Escape(version)}(\.|\b)"))
            // PostgreSQL finds its other programs beside the real one, not beside a link
            .Select(file => new ServerBinary(name, Path.GetDirectoryName(File.ResolveLinkTarget(file, returnFinalTarget: true)?.FullName ?? file)!))
            .FirstOrDefault();
    }

    /// <summary>The folder that is named, or that of the repository that the program is in, or was built from.</summary>
    private static IEnumerable<string> Roots()
    {
        if (Environment.GetEnvironmentVariable(FolderVariable) is { Length: > 0 } named)
        {
            return [Path.GetFullPath(named)];
        }

        return new[] { AppContext.BaseDirectory, Environment.CurrentDirectory, SourceFolder() }
            .SelectMany(Upwards)
            .Where(folder => File.Exists(Path.Combine(folder, "eng", "servers")))
            .Select(folder => Path.Combine(folder, ".servers"));
    }

    private static string SourceFolder([CallerFilePath] string file = "") => Path.GetDirectoryName(file)!;

    private static IEnumerable<string> Upwards(string folder)
    {
        for (var at = new DirectoryInfo(folder); at is not null; at = at.Parent)
        {
            yield return at.FullName;
        }
    }

    private static string VersionOf(string program)
    {
        var start = new ProcessStartInfo(program, program.EndsWith("consul", StringComparison.Ordinal) ? "version" : "--version")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        return process.StandardOutput.ReadLine() ?? "";
    }
}
