namespace Conclave.Timekeeping;

/// <summary>
/// Servers that smear a leap second over a day, and servers that do not, are up to a second apart while it lasts: they must not be mixed.
/// </summary>
internal static class NtpSmear
{
    /// <summary>Those of the kind that there are more of; the others are told why they are not used.</summary>
    public static IEnumerable<NtpServer> Same(IEnumerable<NtpServer> servers)
    {
        NtpServer[] all = [.. servers];
        int smearing = all.Count(s => s.LastGood.SmearsLeapSeconds);
        bool keepSmearing = smearing * 2 > all.Length;
        return all.Where(s => s.LastGood.SmearsLeapSeconds == keepSmearing);
    }
}
