using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Conclave.Storage;

/// <summary>
/// Names a store in one line: <c>scheme://user:password@host:port,host:port/path?option=value</c>, or <c>scheme:path</c> for a store that is
/// a file. A parser of our own, because <see cref="Uri"/> knows no host lists. Printing it never shows a secret.
/// </summary>
public sealed class StoreUri
{
    private static readonly FrozenSet<string> SecretOptions =
        FrozenSet.Create(StringComparer.OrdinalIgnoreCase, "password", "token", "secret", "key", "auth", "pass", "pwd");

    private StoreUri(string scheme, string? user, string? password, IReadOnlyList<StoreHost> hosts, string path, IReadOnlyDictionary<string, string> options) =>
        (Scheme, User, Password, Hosts, Path, Options) = (scheme, user, password, hosts, path, options);

    /// <summary>Which engine, in lower case.</summary>
    public string Scheme { get; }

    /// <summary>The user's name, or null.</summary>
    public string? User { get; }

    /// <summary>The password, or null. Never printed.</summary>
    public string? Password { get; }

    /// <summary>The hosts, in the order to try them; empty for a store that is a file.</summary>
    public IReadOnlyList<StoreHost> Hosts { get; }

    /// <summary>What follows the hosts, unescaped, without the leading slash; for a URI without hosts the path of a file.</summary>
    public string Path { get; }

    /// <summary>The options behind the question mark, unescaped.</summary>
    public IReadOnlyDictionary<string, string> Options { get; }

    /// <summary>Parses a URI.</summary>
    /// <param name="text">The text.</param>
    /// <returns>The parsed URI.</returns>
    /// <exception cref="StoreConfigurationException">The text is no store URI; the message says what is wrong, without secrets.</exception>
    public static StoreUri Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return TryParse(text, out var uri, out string? problem) ? uri : throw new StoreConfigurationException(problem);
    }

    /// <summary>Refuses options the engine does not know, so that a misspelt one is never ignored in silence.</summary>
    /// <param name="known">The names the engine knows.</param>
    /// <exception cref="StoreConfigurationException">The URI has another option.</exception>
    public void CheckOptions(params ReadOnlySpan<string> known)
    {
        foreach (string option in Options.Keys)
        {
            if (!known.Contains(option))
            {
                string choice = known.IsEmpty ? "it takes none" : $"known: {string.Join(", ", known!)}";
                throw new StoreConfigurationException($"The store '{Scheme}' has no option '{option}' ({choice}).");
            }
        }
    }

    /// <summary>The URI with every secret replaced by <c>***</c>.</summary>
    public override string ToString()
    {
        string user = User is null ? "" : Uri.EscapeDataString(User) + (Password is null ? "@" : ":***@");
        string authority = Hosts.Count == 0 ? ":" : $"://{user}{string.Join(',', Hosts)}/";
        var options = Options.Select(o => $"{o.Key}={(SecretOptions.Contains(o.Key) ? "***" : Uri.EscapeDataString(o.Value))}");
        return $"{Scheme}{authority}{Path}{(Options.Count == 0 ? "" : "?" + string.Join('&', options))}";
    }

    private static bool TryParse(string text, [NotNullWhen(true)] out StoreUri? uri, [NotNullWhen(false)] out string? problem)
    {
        uri = null;
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        if (colon < 1 || !IsScheme(text.AsSpan(0, colon)))
        {
            problem = "A store is named like 'sqlite:PATH' or 'etcd://HOST:PORT'; this one has no scheme.";
            return false;
        }

        string scheme = text[..colon].ToLowerInvariant();
        string rest = text[(colon + 1)..];
        int question = rest.IndexOf('?', StringComparison.Ordinal);
        string query = question < 0 ? "" : rest[(question + 1)..];
        rest = question < 0 ? rest : rest[..question];

        string? user = null;
        string? password = null;
        var hosts = new List<StoreHost>();
        if (rest.StartsWith("//", StringComparison.Ordinal))
        {
            int slash = rest.IndexOf('/', 2);
            string authority = slash < 0 ? rest[2..] : rest[2..slash];
            rest = slash < 0 ? "" : authority.Length == 0 ? rest[slash..] : rest[(slash + 1)..];
            int at = authority.LastIndexOf('@');
            if (at >= 0)
            {
                string[] credentials = authority[..at].Split(':', 2);
                user = Uri.UnescapeDataString(credentials[0]);
                password = credentials.Length > 1 ? Uri.UnescapeDataString(credentials[1]) : null;
                authority = authority[(at + 1)..];
            }

            if (!TryParseHosts(authority, hosts, out problem))
            {
                return false;
            }
        }

        var options = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string option in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] parts = option.Split('=', 2);
            if (parts.Length < 2 || !options.TryAdd(parts[0], Uri.UnescapeDataString(parts[1])))
            {
                problem = parts.Length < 2
                    ? $"The option '{parts[0]}' of the store has no value; write '{parts[0]}=VALUE'."
                    : $"The option '{parts[0]}' of the store is given twice.";
                return false;
            }
        }

        uri = new(scheme, user, password, hosts, Uri.UnescapeDataString(rest), options);
        problem = null;
        return true;
    }

    private static bool TryParseHosts(string authority, List<StoreHost> hosts, [NotNullWhen(false)] out string? problem)
    {
        problem = null;
        foreach (string host in authority.Split(',', StringSplitOptions.TrimEntries))
        {
            if (authority.Length == 0)
            {
                break;
            }

            int colon = host.EndsWith(']') ? -1 : host.LastIndexOf(':');
            string name = colon < 0 ? host : host[..colon];
            int? port = null;
            if (colon >= 0)
            {
                if (!ushort.TryParse(host.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ushort parsed) || parsed == 0)
                {
                    problem = $"The port of the store's host '{name}' must be a number from 1 to 65535.";
                    return false;
                }

                port = parsed;
            }

            if (name.Length == 0)
            {
                problem = "The store's list of hosts has an empty host.";
                return false;
            }

            hosts.Add(new(name.Trim('[', ']'), port));
        }

        return true;
    }

    private static bool IsScheme(ReadOnlySpan<char> text)
    {
        foreach (char c in text)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('+' or '-' or '.'))
            {
                return false;
            }
        }

        return char.IsAsciiLetter(text[0]);
    }
}

/// <summary>One host of a <see cref="StoreUri"/>.</summary>
/// <param name="Name">The name or address; an IPv6 address without brackets.</param>
/// <param name="Port">The port, or null for the engine's usual one.</param>
public readonly record struct StoreHost(string Name, int? Port)
{
    /// <inheritdoc/>
    public override string ToString()
    {
        string name = Name.Contains(':', StringComparison.Ordinal) ? $"[{Name}]" : Name;
        return Port is null ? name : string.Create(CultureInfo.InvariantCulture, $"{name}:{Port}");
    }
}
