using System.Globalization;
using Conclave.Storage;

namespace Conclave.Etcd;

/// <summary>Which servers will do.</summary>
internal static class ServerVersion
{
    /// <exception cref="StoreConfigurationException">The server is older than 3.4.</exception>
    public static void Check(string version, string address)
    {
        string[] parts = version.Split('.', '-');
        bool known = parts.Length >= 2
            && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int major)
            && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int minor)
            && (major > 3 || (major == 3 && minor >= 4));
        if (!known)
        {
            throw new StoreConfigurationException($"etcd at {address} is version '{version}'; Conclave needs 3.4 or later.");
        }
    }
}
