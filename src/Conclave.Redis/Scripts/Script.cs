using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;

namespace Conclave.Redis;

/// <summary>One of the store's scripts, as the server knows it: by the SHA-1 of its text.</summary>
internal sealed class Script
{
    private static readonly string Prelude = Read("prelude");
    private static readonly string Finish = Read("finish");

    // Refused before they run when memory is full or the server is a replica, as every script without the flag 'no-writes': so are reads,
    // which otherwise a replica would answer with the past. What takes little memory, or frees some, goes on when memory is full.
    public static readonly Script Commit = new("", Read("commit"));
    public static readonly Script CommitWithoutPuts = new(" flags=allow-oom", Read("commit"));
    public static readonly Script Attach = new(" flags=allow-oom", Finish + Read("attach"));
    public static readonly Script Open = new("", Read("open"));
    public static readonly Script Renew = new(" flags=allow-oom", Read("renew"));
    public static readonly Script End = new(" flags=allow-oom", Finish + Read("end"));
    public static readonly Script Witness = new(" flags=allow-oom", Finish + Read("witness"));
    public static readonly Script Look = new(" flags=allow-oom", Read("look"));

    public static readonly IReadOnlyList<Script> All = [Commit, CommitWithoutPuts, Attach, Open, Renew, End, Witness, Look];

    [SuppressMessage("Security", "CA5350", Justification = "it is how Redis names scripts, no protection")]
    private Script(string flags, string body)
    {
        Text = $"#!lua{flags}\n{Prelude}\n{body}";
        Sha = Encoding.ASCII.GetBytes(Convert.ToHexStringLower(SHA1.HashData(Encoding.UTF8.GetBytes(Text))));
    }

    public string Text { get; }

    public byte[] Sha { get; }

    private static string Read(string name)
    {
        using var stream = typeof(Script).Assembly.GetManifestResourceStream(name + ".lua")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
