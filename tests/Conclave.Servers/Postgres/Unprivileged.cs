using System.Globalization;

namespace Conclave.Servers;

/// <summary>A user that is not root, for servers that refuse to be.</summary>
internal static class Unprivileged
{
    /// <summary>The user <c>postgres</c> or <c>nobody</c>; null where the tests are not root themselves.</summary>
    public static (int Id, int Group)? User { get; } = Environment.IsPrivilegedProcess ? Lookup("postgres") ?? Lookup("nobody") ?? (65534, 65534) : null;

    /// <summary>What makes a command run as that user.</summary>
    public static IReadOnlyList<string> Prefix { get; } = User is { } user
        ? ["setpriv", $"--reuid={user.Id}", $"--regid={user.Group}", "--clear-groups"]
        : [];

    private static (int Id, int Group)? Lookup(string name)
    {
        string[]? fields = File.ReadLines("/etc/passwd").Select(line => line.Split(':')).FirstOrDefault(f => f[0] == name);
        return fields is null
            ? null
            : (int.Parse(fields[2], CultureInfo.InvariantCulture), int.Parse(fields[3], CultureInfo.InvariantCulture));
    }
}
