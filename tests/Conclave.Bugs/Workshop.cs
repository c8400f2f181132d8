using System.Diagnostics;
using System.Xml.Linq;

namespace Conclave.Bugs;

/// <summary>A folder with the sources of a test build, and the build. Gone when it is disposed.</summary>
internal sealed class Workshop : IDisposable
{
    private static readonly string[] Sources = ["src/Conclave", "src/Conclave.Ownership", "src/Conclave.Sqlite", "src/Conclave.Testing", "src/Conclave.Timekeeping", "src/Shared", "tests/Conclave.Bugs", "eng"];
    private static readonly string[] TortureSources = ["src/Conclave.Consul", "src/Conclave.Etcd", "src/Conclave.Postgres", "src/Conclave.Redis", "tests/Conclave.Servers", "tests/Conclave.Torture", "bench/Conclave.Bench"];
    private static readonly string[] Files = ["Directory.*", "global.json", ".editorconfig"];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("conclave-bugs-build-");
    private readonly Settings _settings;

    public Workshop(Settings settings) => _settings = settings;

    public string Folder => _folder.FullName;

    /// <summary>The program of the test build.</summary>
    public string Program => Path.Combine(Folder, "artifacts/bin/Conclave.Bugs/release/conclave-bugs.dll");

    /// <summary>The torture of the test build.</summary>
    public string Torture => Path.Combine(Folder, "artifacts/bin/Conclave.Torture/release/conclave-torture");

    /// <summary>Where children put their files: those that are ended leave theirs behind.</summary>
    public string Temporary => Path.Combine(Folder, "temporary");

    /// <summary>Looks whether what is copied refers only to what is copied; builds nothing.</summary>
    /// <exception cref="MutationException">Something would be missing.</exception>
    public static void Check(string root)
    {
        string[] copied = [.. Sources.Concat(TortureSources).Select(s => Path.GetFullPath(Path.Combine(root, s)))];
        foreach (string project in copied.SelectMany(c => Directory.EnumerateFiles(c, "*.csproj")))
        {
            foreach (var reference in XDocument.Load(project).Descendants("ProjectReference"))
            {
                string folder = Path.GetDirectoryName(Path.GetFullPath(Path.Combine(Path.GetDirectoryName(project)!, (string)reference.Attribute("Include")!)))!;
                if (!copied.Contains(folder))
                {
                    throw new MutationException($"{Path.GetFileName(project)} refers to {Path.GetFileName(folder)}, which the test build does not copy; add it to Workshop.");
                }
            }
        }
    }

    /// <summary>Copies the sources and puts every bug in.</summary>
    /// <exception cref="MutationException">A bug does not fit.</exception>
    public void Prepare(IReadOnlyList<Bug> bugs)
    {
        Directory.CreateDirectory(Temporary);
        foreach (string source in _settings.InCampaigns ? Sources.Concat(TortureSources) : Sources)
        {
            Copy(Path.Combine(_settings.Root, source), Path.Combine(Folder, source));
        }

        foreach (string file in Files.SelectMany(f => Directory.EnumerateFiles(_settings.Root, f)))
        {
            File.Copy(file, Path.Combine(Folder, Path.GetFileName(file)));
        }

        var changed = Mutation.Apply(Folder, bugs);
        foreach (var (file, contents) in changed)
        {
            File.WriteAllText(Path.Combine(Folder, file), contents);
        }

        foreach (string project in changed.Keys.Select(f => string.Join('/', f.Split('/')[..2])).Distinct())
        {
            File.WriteAllText(Path.Combine(Folder, project, "DeliberateBugs.cs"), Mutation.SwitchSource);
        }
    }

    /// <summary>Builds it.</summary>
    /// <returns>What the compiler said if it failed, or null.</returns>
    public async Task<string?> TryBuildAsync(CancellationToken cancellationToken)
    {
        // no style, no analyzers: bugs need not be pretty. No servers either, which would outlive us.
        var start = new ProcessStartInfo("dotnet",
        [
            "build", Path.Combine(Folder, _settings.InCampaigns ? "tests/Conclave.Torture" : "tests/Conclave.Bugs"), "--configuration", "Release", "--nologo", "--verbosity", "quiet",
            $"-p:ArtifactsPath={Path.Combine(Folder, "artifacts")}", "-p:TreatWarningsAsErrors=false", "-p:EnforceCodeStyleInBuild=false",
            "-p:RunAnalyzers=false", "-p:GenerateDocumentationFile=false", "-p:UseSharedCompilation=false", "-nodeReuse:false", "-clp:ErrorsOnly",
        ])
        {
            WorkingDirectory = Folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start) ?? throw new InvalidOperationException("dotnet did not start.");
        try
        {
            var errors = process.StandardError.ReadToEndAsync(cancellationToken);
            string output = await process.StandardOutput.ReadToEndAsync(cancellationToken) + await errors;
            await process.WaitForExitAsync(cancellationToken);
            return process.ExitCode == 0 ? null : output;
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
                await process.WaitForExitAsync(CancellationToken.None);
            }
        }
    }

    public void Dispose()
    {
        if (!_settings.Keeps)
        {
            _folder.Delete(recursive: true);
        }
    }

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (string file in Directory.EnumerateFiles(from))
        {
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        }

        foreach (string folder in Directory.EnumerateDirectories(from).Where(f => Path.GetFileName(f) is not ("bin" or "obj" or "artifacts")))
        {
            Copy(folder, Path.Combine(to, Path.GetFileName(folder)));
        }
    }
}
